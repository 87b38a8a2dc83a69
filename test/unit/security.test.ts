// SPDX-License-Identifier: Apache-2.0
import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { listOfAttacks, published, tableOfPublished } from '../security/attacks.ts';

const attacks = listOfAttacks.map(attack => [attack.test.join(': '), attack] as const);

describe('the list of attacks', () => {
  it.each(attacks)('names a test: %s', (_, { test: [file, name] }) => {
    expect(existsSync(file)).toBe(true);
    // As it is written there: with the marks of its parameters.
    expect(readFileSync(file, 'utf8').replaceAll("\\'", "'")).toContain(name);
  });

  it.each(attacks)('changes places that exist exactly once: %s', (_, { weakened }) => {
    if (typeof weakened === 'string') return void expect(weakened).toMatch(/^[^.]{20,}$/);
    expect(weakened.edits.length).toBeGreaterThan(0);
    for (const { file, find, replace } of weakened.edits) {
      expect(readFileSync(file, 'utf8').split(find), `${file}: ${find}`).toHaveLength(2);
      expect(replace).not.toBe(find);
    }
  });

  it('names each test once', () => {
    expect(new Set(attacks.map(([name]) => name)).size).toBe(attacks.length);
  });

  it('has every published attack, and no other', () => {
    expect([...new Set(listOfAttacks.flatMap(({ cve = [] }) => cve))].sort()).toEqual([...published].sort());
  });

  it('is the table of SECURITY.md', () => {
    expect(readFileSync('SECURITY.md', 'utf8')).toContain(tableOfPublished());
  });
});

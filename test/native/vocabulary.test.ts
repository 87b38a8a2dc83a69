// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { expect, it } from 'vitest';
import { mountFlags } from '../../src/plan/mount-target.ts';
import { vocabulary } from '../../src/wire/steps.ts';

const addon = createRequire(import.meta.url)('../../build/Release/tsubo.node') as Record<string, unknown>;

it('has the same steps and fields in TypeScript and in C++, in the same order', () => {
  const here = Object.entries(vocabulary)
    .map(([op, fields]) => [op, ...Object.entries(fields).map(([name, kind]) => `${kind}:${name}`)].join(' '))
    .join('\n');
  expect((addon['vocabulary'] as () => string)().trimEnd()).toBe(here);
});

it('has the same mount flags in both languages', () => {
  const text = readFileSync('native/wire/steps.h', 'utf8');
  for (const [name, bit] of Object.entries(mountFlags)) {
    expect(text).toContain(`k${name[0]?.toUpperCase()}${name.slice(1)} = ${bit},`);
  }
});

it('implements exactly the functions that binding.d.ts declares', () => {
  const text = readFileSync('src/host/binding.d.ts', 'utf8');
  const body = /export interface Binding \{([\s\S]*?)\n\}/.exec(text)?.[1] ?? '';
  const declared = [...body.matchAll(/^ {2}(\w+)\(/gm)].map(match => match[1]);
  expect(declared.length).toBeGreaterThan(30);
  expect(Object.keys(addon).sort()).toEqual(declared.sort());
});

// SPDX-License-Identifier: Apache-2.0
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { errorCodes } from '../../../src/errors/codes.ts';

const sources = fileURLToPath(new URL('../../../src', import.meta.url));
const texts = readdirSync(sources, { recursive: true, encoding: 'utf8' })
  .filter(path => path.endsWith('.ts') && path !== 'errors/codes.ts')
  .map(path => readFileSync(join(sources, path), 'utf8'));

/** Properties whose code is derived from their name. */
const composed = ['hostname', 'domainname', 'maskedPaths', 'readonlyPaths'];

function isUsed(code: string): boolean {
  const resource = /^config\.resources\.(.+)$/.exec(code)?.[1];
  const quoted = [code, ...(resource === undefined ? [] : [resource])].map(word => `'${word}'`);
  if (quoted.some(word => texts.some(text => text.includes(word)))) return true;
  return composed.some(name => code === `config.${name}` && texts.some(text => text.includes(`'${name}'`)));
}

describe('the table of error codes', () => {
  it('contains no code that the program never reports', () => {
    expect(Object.keys(errorCodes).filter(code => !isUsed(code))).toEqual([]);
  });

  it('has a meaning and a cure for each, lower case and without a full stop', () => {
    for (const [code, [meaning, cure]] of Object.entries(errorCodes)) {
      for (const text of [meaning, cure]) {
        expect(`${code}: ${text}`).toMatch(/: (?![A-Z][a-z]).+[^.]$/);
      }
    }
  });
});

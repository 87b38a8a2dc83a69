// SPDX-License-Identifier: Apache-2.0
import { expect, it } from 'vitest';
import { nearestWord } from '../../../src/validate/spelling.ts';

const words = ['args', 'env', 'cwd', 'noNewPrivileges', 'rlimits', 'capabilities', 'maskedPaths'];

it.each([
  ['arg', 'args'],
  ['ags', 'args'],
  ['agrs', 'args'],
  ['envs', 'env'],
  ['noNewPrivs', undefined],
  ['noNewPriviledges', 'noNewPrivileges'],
  ['capabilites', 'capabilities'],
  ['maskPaths', 'maskedPaths'],
  ['zzz', undefined],
  ['x', undefined],
])('%s: %s', (word, meant) => {
  expect(nearestWord(word, words)).toBe(meant);
});

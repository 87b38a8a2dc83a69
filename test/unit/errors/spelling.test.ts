// SPDX-License-Identifier: Apache-2.0
import { expect, it } from 'vitest';
import { nearestWord } from '../../../src/errors/spelling.ts';
import { capabilityNumbers } from '../../../src/kernel/capabilities.ts';
import { rlimitNumbers } from '../../../src/kernel/rlimits.ts';

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
  ['egv', 'env'],
  ['exv', 'env'],
  ['rags', 'args'],
  ['rasg', undefined],
  ['cwe', 'cwd'],
  ['cap', undefined],
  ['rlmts', undefined],
  ['rlimts', 'rlimits'],
])('the word most similar to %s is %s', (word, meant) => {
  expect(nearestWord(word, words)).toBe(meant);
});

it.each([
  ['CAP_KIL', 'CAP_KILL'],
  ['CAP_NOPE', undefined],
  ['CAP_SYSADMIN', 'CAP_SYS_ADMIN'],
  ['cap_net_brodcast', 'CAP_NET_BROADCAST'],
])('a common prefix of the capabilities does not count as similarity: %s yields %s', (word, meant) => {
  expect(nearestWord(word, Object.keys(capabilityNumbers))).toBe(meant);
});

it.each([
  ['RLIMIT_FOO', undefined],
  ['RLIMIT_NOFILES', 'RLIMIT_NOFILE'],
])('a common prefix of the limits does not count as similarity: %s yields %s', (word, meant) => {
  expect(nearestWord(word, Object.keys(rlimitNumbers))).toBe(meant);
});

it('words that begin with underscores need no common prefix', () => {
  expect(nearestWord('_nme', ['_name', 'other'])).toBe('_name');
  expect(nearestWord('__nme', ['__name', '_other', 'third'])).toBe('__name');
});

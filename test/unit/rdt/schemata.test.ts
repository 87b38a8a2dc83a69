// SPDX-License-Identifier: Apache-2.0
import { expect, it } from 'vitest';
import { mismatch } from '../../../src/rdt/schemata.ts';

const file = '    L3:0=7ff;1=f\n    MB:0= 50;1=100\n';

it.each([
  ['the same value', 'L3:0=7ff'],
  ['the prefix 0x', 'L3:0=0x7ff;1=0xf'],
  ['leading zeros, with the prefix and without', 'L3:0=0x07ff;1=00f'],
  ['capital letters', 'L3:0=7FF'],
  ['another order and blanks', ' MB:1= 100;0=50 '],
  ['a percentage that the kernel has rounded up', 'MB:0=45'],
])('equals the file with %s', (_, wanted) => {
  expect(mismatch([wanted], file, 10)).toBeUndefined();
});

it.each([
  ['another value', 'L3:0=0x7fe', 'L3:0=7ff;1=f'],
  ['zero', 'L3:1=0', 'L3:0=7ff;1=f'],
  ['a domain that the machine lacks', 'L3:2=f', 'L3:0=7ff;1=f'],
  ['a resource that the machine lacks', 'L2:0=f', undefined],
])('differs from the file by %s', (_, wanted, found) => {
  expect(mismatch([wanted], file, 10)).toEqual({ line: wanted, found });
});

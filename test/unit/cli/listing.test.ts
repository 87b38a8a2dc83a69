// SPDX-License-Identifier: Apache-2.0
import { expect, test } from 'vitest';
import { ago, decimalSize, tableText } from '../../../src/cli/listing.ts';

test('columns are as wide as their widest cell', () => {
  expect(
    tableText([
      ['NAME', 'ID'],
      ['long name', 'x'],
    ]),
  ).toBe('NAME        ID\nlong name   x\n');
  expect(
    tableText([
      ['A', 'LONG', 'C'],
      ['wörd', 'x', 'y'],
    ]),
  ).toBe('A      LONG   C\nwörd   x      y\n');
});

test.each([
  [0, '0B'],
  [999, '999B'],
  [1000, '1kB'],
  [4_261_550, '4.26MB'],
  [77_800_000, '77.8MB'],
  [999_600, '1MB'],
  [1_520_000_000, '1.52GB'],
])('%d bytes are printed as %s', (bytes, text) => {
  expect(decimalSize(bytes)).toBe(text);
});

test('a size can have more digits', () => {
  expect(decimalSize(4_261_550, 4)).toBe('4.262MB');
});

test('the age of an image is its distance from the clock', () => {
  const now = BigInt(Date.parse('2024-01-01T00:05:00Z')) * 1_000_000n;
  expect(ago('2024-01-01T00:00:00.123456789Z', now)).toBe('5 minutes ago');
  expect(ago('', now)).toBe('N/A');
});

// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { capabilityNumbers } from '../../../src/kernel/capabilities.ts';
import { rlimitNumbers } from '../../../src/kernel/rlimits.ts';
import { namespaceFiles, namespaceFlags } from '../../../src/oci/namespaces.ts';
import { parseNumberList } from '../../../src/oci/number-list.ts';

it('numbers the capabilities from 0 without a gap', () => {
  expect(Object.values(capabilityNumbers)).toEqual(Array.from({ length: 41 }, (_, number) => number));
});

it('contains every limit of the kernel, numbered from 0 without a gap', () => {
  expect(Object.values(rlimitNumbers)).toEqual(Array.from({ length: 16 }, (_, number) => number));
  expect(readFileSync('/proc/self/limits', 'utf8').trim().split('\n')).toHaveLength(1 + 16);
});

it('contains one flag and one file for each namespace type', () => {
  expect(Object.keys(namespaceFlags)).toEqual(Object.keys(namespaceFiles));
  expect(new Set(Object.values(namespaceFlags)).size).toBe(8);
  for (const flag of Object.values(namespaceFlags)) expect(Math.log2(flag) % 1).toBe(0);
});

it('parses a list of numbers whose ranges overlap', () => {
  expect(parseNumberList('3-5, 4-7,3,66-66,,66')).toEqual({ words: [0xf8n, 4n], count: 6 });
  expect(parseNumberList('5-6,0-1')).toEqual({ words: [0x63n], count: 4 });
});

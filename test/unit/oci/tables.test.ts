// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { capabilityNumbers } from '../../../src/oci/capabilities.ts';
import { namespaceFiles, namespaceFlags } from '../../../src/oci/namespaces.ts';
import { rlimitNumbers } from '../../../src/oci/rlimits.ts';

it('numbers the capabilities from 0 without a gap', () => {
  expect(Object.values(capabilityNumbers)).toEqual(Array.from({ length: 41 }, (_, number) => number));
});

it('has as many limits as the kernel, numbered from 0 without a gap', () => {
  expect(Object.values(rlimitNumbers)).toEqual(Array.from({ length: 16 }, (_, number) => number));
  expect(readFileSync('/proc/self/limits', 'utf8').trim().split('\n')).toHaveLength(1 + 16);
});

it('has one flag and one file for each namespace type', () => {
  expect(Object.keys(namespaceFlags)).toEqual(Object.keys(namespaceFiles));
  expect(new Set(Object.values(namespaceFlags)).size).toBe(8);
  for (const flag of Object.values(namespaceFlags)) expect(Math.log2(flag) % 1).toBe(0);
});

// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from 'vitest';
import { missing, type Need } from '../../helpers/requires.ts';

describe('a requirement of a test', () => {
  test('is met on every Linux machine', () => {
    expect(missing('kernel:3.0')).toBeUndefined();
    expect(missing('filesystem:proc')).toBeUndefined();
  });

  test('is named if it is missing', () => {
    expect(missing('kernel:99.0')).toBe('kernel older than 99.0');
    expect(missing('cgroup2:nosuch')).toBe('no cgroup2 controller nosuch');
    expect(missing('filesystem:nosuch')).toBe('no file system nosuch');
  });

  test('is refused if it is unknown', () => {
    expect(() => missing('nosuch' as Need)).toThrow('requires: unknown requirement nosuch');
    expect(() => missing('capability:NOSUCH')).toThrow('requires: add the number of CAP_NOSUCH');
  });
});

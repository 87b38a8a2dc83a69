// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from 'vitest';
import { missing, type Need } from '../../helpers/requires.ts';

describe('what a test requires', () => {
  test('is met by what every Linux machine has', () => {
    expect(missing('kernel:3.0')).toBeUndefined();
    expect(missing('filesystem:proc')).toBeUndefined();
  });

  test('is named when it is missing', () => {
    expect(missing('kernel:99.0')).toBe('kernel older than 99.0');
    expect(missing('cgroup2:nosuch')).toBe('no cgroup2 controller nosuch');
    expect(missing('filesystem:nosuch')).toBe('no file system nosuch');
  });

  test('is refused when nobody knows how to look for it', () => {
    expect(() => missing('nosuch' as Need)).toThrow('requires: what is nosuch?');
    expect(() => missing('capability:NOSUCH')).toThrow('requires: add the number of CAP_NOSUCH');
  });
});

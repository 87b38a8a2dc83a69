// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import {
  cleanPath,
  isBelow,
  joinPath,
  lastComponent,
  parentPath,
  resolvePath,
} from '../../../src/host/paths.ts';

describe('a path as text', () => {
  it.each([
    ['/a//b/../c/.', '/a/c'],
    ['/', '/'],
    ['/..', '/'],
    ['/../../a', '/a'],
    ['', '.'],
    ['a/..', '.'],
    ['../a/./b', '../a/b'],
    ['a/../../b', '../b'],
  ])('%s is %s', (path, clean) => {
    expect(cleanPath(path)).toBe(clean);
  });

  it('is joined below a directory, also if it is absolute', () => {
    expect([joinPath('/a', '/b'), joinPath('/', 'b'), joinPath('/a/', '../b')]).toEqual(['/a/b', '/b', '/b']);
  });

  it('is resolved against a directory only if it is relative', () => {
    expect(resolvePath(() => '/cwd', 'a/../b')).toBe('/cwd/b');
    expect(resolvePath(() => expect.unreachable(), '/a/./b')).toBe('/a/b');
  });

  it.each([
    ['/a/b', '/a', 'b'],
    ['/a', '/', 'a'],
    ['a', '.', 'a'],
  ])('%s is in %s as %s', (path, parent, last) => {
    expect([parentPath(path), lastComponent(path)]).toEqual([parent, last]);
  });

  it('is below a directory only if whole components match', () => {
    expect([isBelow('/a/b', '/a'), isBelow('/ab', '/a'), isBelow('/a', '/a'), isBelow('/a', '/')]).toEqual([
      true,
      false,
      false,
      true,
    ]);
  });
});

// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from 'vitest';
import { globExpression, ignoreRules } from '../../../src/build/ignore.ts';

describe('.dockerignore', () => {
  test.each([
    ['*.log', 'a.log', true],
    ['*.log', 'sub/a.log', false],
    ['**/*.log', 'sub/deep/a.log', true],
    ['**/*.log', 'a.log', true],
    ['node_modules', 'node_modules/x/y', true],
    ['/node_modules/', 'node_modules/x', true],
    ['./a/../b', 'b', true],
    ['a?c', 'abc', true],
    ['a?c', 'a/c', false],
    ['[a-c]x', 'bx', true],
    ['[^a-c]x', 'bx', false],
    ['\\*x', '*x', true],
    ['\\*x', 'ax', false],
    ['# a', '# a', false],
    ['docs\n!docs/keep', 'docs/keep', false],
    ['docs\n!docs/keep', 'docs/other', true],
    ['!a\na', 'a', true],
    ['*\n!src\nsrc/gen', 'src/gen/x', true],
    ['*\n!src\nsrc/gen', 'src/x', false],
    ['a.b', 'axb', false],
    ['**', 'a/b', true],
    ['', 'a', false],
  ])('%j and %j: %j', (text, path, ignored) => {
    expect(ignoreRules(text).ignores(path)).toBe(ignored);
  });
});

test('a pattern with an open bracket is a text', () => {
  expect(globExpression('a[b').test('a[b')).toBe(true);
});

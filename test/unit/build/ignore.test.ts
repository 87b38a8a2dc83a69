// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from 'vitest';
import { globOf, ignoreRules } from '../../../src/build/ignore.ts';

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
    ['**/x', 'x', true],
    ['**/x', 'a/b/x', true],
    ['**/x', 'ax', false],
    ['a/**/b', 'a/b', true],
    ['a/**/b', 'a/c/d/b', true],
    ['a**b', 'a/c/b', true],
    ['[]a]', ']', true],
    ['[a\\-c]', 'b', false],
    ['[a-]', '-', true],
    ['[^/]', 'a', true],
    ['*', '.a', true],
  ])('%j and %j: %j', (text, path, ignored) => {
    expect(ignoreRules(text).ignores(path)).toBe(ignored);
  });
});

test('a pattern with an open bracket is a text', () => {
  expect(globOf('a[b').matches('a[b')).toBe(true);
});

test.each([
  ['a', `${'*a'.repeat(16)}*b`],
  ['a/', `${'**/'.repeat(10)}x`],
])('a pattern with many stars is matched in a time that does not explode: %s', (part, pattern) => {
  expect(globOf(pattern).matches(part.repeat(2000))).toBe(false);
});

test.each(['[z-a]', '[^]', '[]'])('the pattern %s is refused, with its line', pattern => {
  expect(() => globOf(pattern)).toThrow(`invalid pattern "${pattern}": `);
  expect(() => ignoreRules(`a\n${pattern}x`)).toThrow(`.dockerignore:2: invalid pattern "${pattern}": `);
});

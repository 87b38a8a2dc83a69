// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { parseJson } from '../../../src/bundle/json.ts';
import { RuntimeError } from '../../../src/errors/error.ts';

function failure(text: string): RuntimeError {
  try {
    parseJson(text);
  } catch (error) {
    if (error instanceof RuntimeError) return error;
    throw error;
  }
  throw new Error(`accepted: ${text}`);
}

/** Forces the exact parser by a long number. */
function exactly(json: string): unknown {
  return (parseJson(`[18446744073709551615, ${json}]`) as unknown[])[1];
}

describe('numbers', () => {
  it.each([
    ['9007199254740991', 9007199254740991],
    ['9007199254740992', 9007199254740992n],
    ['-9007199254740992', -9007199254740992n],
    ['18446744073709551615', 18446744073709551615n],
    ['9223372036854771712', 9223372036854771712n],
    ['-9223372036854775808', -9223372036854775808n],
    ['0.5', 0.5],
    ['1e3', 1000],
    ['0.12345678901234567890', 0.12345678901234568],
    ['12345678901234567890.5', 12345678901234567000],
    ['1234567890123456e0', 1234567890123456],
    ['-0', -0],
  ])('%s is exact', (text, value) => {
    expect(parseJson(text)).toBe(value);
    expect(parseJson(`{"x":${text}}`)).toEqual({ x: value });
    expect(exactly(text)).toBe(value);
  });

  it('keeps long runs of digits in strings unchanged', () => {
    expect(parseJson('["18446744073709551615", "a: 18446744073709551615"]')).toEqual([
      '18446744073709551615',
      'a: 18446744073709551615',
    ]);
  });
});

describe('the exact parser', () => {
  it.each([
    '{}',
    '[]',
    '[[],{},[{"a":[]}]]',
    '{"a":{"b":[1,-2.5e-3,true,false,null,"x"]},"":0}',
    ' [ 1 , { "a" : 2 } ] ',
    '"\\u00e9\\n\\"\\\\\\/\\ud83d\\ude00"',
    '"é 😀 \\\\"',
    '["\\\\", "\\\\\\"", ","]',
    '{"a":1,"a":2}',
    '{"__proto__":{"x":1},"constructor":2}',
  ])('agrees with JSON.parse on %s', text => {
    expect(exactly(text)).toStrictEqual(JSON.parse(text));
  });

  it('treats __proto__ as an ordinary name', () => {
    const value = exactly('{"__proto__":{"x":1}}') as { x?: number };
    expect(value.x).toBeUndefined();
  });

  it.each([
    ['{"a":1} and more', { a: 1 }],
    ['[1]]', [1]],
    ['null,', null],
  ])('ignores text after the first value, as Go does: %s', (text, value) => {
    expect(parseJson(text)).toEqual(value);
    expect(parseJson(`{"a":18446744073709551615} }`)).toEqual({ a: 18446744073709551615n });
  });
});

describe('depth', () => {
  const nested = (levels: number) => '['.repeat(levels) + ']'.repeat(levels);

  it('accepts 1000 levels', () => {
    expect(parseJson(nested(1000))).toHaveLength(1);
  });

  it('accepts many brackets that are not nested', () => {
    expect(parseJson(`[${'{},'.repeat(5000)}[]]`)).toHaveLength(5001);
  });

  it.each([1001, 200_000])('refuses %i levels', levels => {
    expect(failure(nested(levels))).toMatchObject({ code: 'bundle.config-syntax', line: 1, column: 1001 });
    expect(failure('{"a":'.repeat(levels))).toMatchObject({ code: 'bundle.config-syntax', column: 5001 });
  });
});

describe('a text that is not JSON', () => {
  it.each([
    ['', 1, 1, 'empty'],
    [' \n ', 2, 2, 'empty'],
    ['{\n  "a": 1,\n}', 3, 1, 'comma before'],
    ['[1, 2,]', 1, 7, 'comma before'],
    ['{\n  "a": 1\n  "b": 2\n}', 3, 3, 'missing comma'],
    ['[1 2]', 1, 4, 'missing comma'],
    ["{'a': 1}", 1, 2, 'single quote'],
    ['{"a": // no\n1}', 1, 7, 'comment'],
    ['/* no */ {}', 1, 1, 'comment'],
    ['# no', 1, 1, 'comment'],
    ['{"a": 1', 1, 8, 'ends in the middle'],
    ['{"a"', 1, 5, 'ends in the middle'],
    ['{"a', 1, 2, 'closing quote'],
    ['{"a\n": 1}', 1, 4, 'line end'],
    ['"\t"', 1, 2, 'control character'],
    ['{"a" 1}', 1, 6, 'colon'],
    ['{a: 1}', 1, 2, 'double quotes'],
    ['{"a": yes}', 1, 7, 'word yes'],
    ['{"a": True}', 1, 7, 'word True'],
    ['[0755]', 1, 2, 'leading zero'],
    ['[0x1f]', 1, 2, 'number 0x1f'],
    ['[+1]', 1, 2, 'not a number'],
    ['[1.]', 1, 2, 'not a number'],
    ['[.5]', 1, 2, 'not a number'],
    ['[-]', 1, 2, 'not a number'],
    ['["\\x"]', 1, 3, 'escape'],
    ['["ab\\u12g4"]', 1, 5, 'escape'],
    ['{"a": }', 1, 7, '} where a value'],
    ['[,1]', 1, 2, ', where a value'],
    ['\ufeff{}', 1, 1, 'byte order mark'],
    // UTF-16 with a byte order mark, and without one in either byte order.
    ['\ufffd\ufffd{\0\n\0', 1, 1, 'UTF-16 text'],
    ['{\0\n\0', 1, 2, 'UTF-16 text'],
    ['\0{\0\n', 1, 1, 'UTF-16 text'],
    ['{"a": \ufffd}', 1, 7, 'a byte that is not UTF-8'],
    ['[1;2]', 1, 3, '; where a comma'],
    ['\u00a0{}', 1, 1, 'U+00A0'],
  ])('%j fails at %i:%i', (text, line, column, cause) => {
    const error = failure(text);
    expect(error).toMatchObject({ code: 'bundle.config-syntax', line, column });
    expect(error.message).toContain(cause);
  });

  it('shows the text at that position', () => {
    expect(failure('{\n  "hostname": \'x\'\n}').value).toBe(`"hostname": 'x'`);
  });
});

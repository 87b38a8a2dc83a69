// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from 'vitest';
import { expanded, expandedHeredoc, MissingVariable, rawWords, unquoted } from '../../../src/build/words.ts';

const values: Readonly<Record<string, string>> = {
  A: 'a b',
  EMPTY: '',
  FILE: 'x.tar.gz',
  P: '/usr/bin:/bin',
};
const lookup = (name: string) => (Object.hasOwn(values, name) ? values[name] : undefined);

describe('a word', () => {
  test.each([
    ['$A', 'a b'],
    ['${A}c', 'a bc'],
    ['"$A"', 'a b'],
    ["'$A'", '$A'],
    ['\\$A', '$A'],
    ['"\\$A \\" \\x"', '$A " \\x'],
    ['$NONE.', '.'],
    ['$', '$'],
    ['a$.b', 'a$.b'],
    ['${NONE:-x}', 'x'],
    ['${NONE:-${A}}', 'a b'],
    ['${EMPTY:-x}', 'x'],
    ['${EMPTY-x}', ''],
    ['${NONE-x}', 'x'],
    ['${A:+x}', 'x'],
    ['${EMPTY:+x}', ''],
    ['${EMPTY+x}', 'x'],
    ['${A:?no}', 'a b'],
    ['${FILE#*.}', 'tar.gz'],
    ['${FILE##*.}', 'gz'],
    ['${FILE%.*}', 'x.tar'],
    ['${FILE%%.*}', 'x'],
    ['${P/bin/sbin}', '/usr/sbin:/bin'],
    ['${P//bin/sbin}', '/usr/sbin:/sbin'],
    ['/opt:$P', '/opt:/usr/bin:/bin'],
  ])('%s is %j', (word, expected) => {
    expect(expanded(word, '\\', lookup)).toBe(expected);
  });

  test.each(['${NONE:?must be set}', '${EMPTY:?}', '${A', '${A!x}', '${}'])('%s is refused', word => {
    expect(() => expanded(word, '\\', lookup)).toThrow(MissingVariable);
  });

  test('keeps quotes and escapes until it is read', () => {
    expect(rawWords('a "b c"  d\\ e \'f g\'h', '\\')).toEqual(['a', '"b c"', 'd\\ e', "'f g'h"]);
    expect(unquoted('"b c"d\\ e$A', '\\')).toBe('b cd e$A');
    expect(rawWords('c:\\a b', '`')).toEqual(['c:\\a', 'b']);
  });
});

test('a heredoc keeps quotes and escapes, except in front of a dollar', () => {
  expect(expandedHeredoc('"$A" \\n \\$A', '\\', lookup)).toBe('"a b" \\n $A');
});

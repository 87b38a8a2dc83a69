// SPDX-License-Identifier: Apache-2.0
import { expect, it } from 'vitest';
import { headed, labelled, wrap } from '../../../src/errors/layout.ts';
import { visible, visibleLine } from '../../../src/errors/visible.ts';

/** A character of each kind that a terminal interprets. */
const acting = [
  ['a colour', '\u001b[31m', '\\u001b[31m'],
  ['a title', '\u001b]0;owned\u0007', '\\u001b]0;owned\\u0007'],
  ['NUL, tab and carriage return', '\u0000\t\r', '\\u0000\\u0009\\u000d'],
  ['DEL', '\u007f', '\\u007f'],
  ['CSI in one character', '\u009b31m', '\\u009b31m'],
  ['a change of direction', '\u202etxt\u202c', '\\u202etxt\\u202c'],
  ['an isolate', '\u2066a\u2069', '\\u2066a\\u2069'],
  ['a mark of direction', '\u200e\u200f\u061c', '\\u200e\\u200f\\u061c'],
  ['half a pair', '\ud83d!', '\\ud83d!'],
  ['the other half', '\ude00', '\\ude00'],
] as const;

it.each(acting)('writes a character that a terminal would interpret as an escape: %s', (_, text, shown) => {
  expect(visible(`a${text}b`)).toBe(`a${shown}b`);
  expect(wrap(`a${text}`, undefined)).toEqual([`a${shown}`]);
  expect(wrap(`a${text}`, 80)).toEqual([`a${shown}`]);
  expect(labelled('value', text, {}).join()).toContain(shown);
});

it('leaves all other text unchanged', () => {
  const text = 'plain "text" \\ \u00e9 \u4e2d \u{1f600} \u200d';
  expect(visible(text)).toBe(text);
});

it('keeps line feeds, but not where the text must stay on its line', () => {
  expect(visible('a\nb')).toBe('a\nb');
  expect(visibleLine('a\nb')).toBe('a\\nb');
});

it('leaves the colours of the runtime itself unchanged', () => {
  expect(headed('warning', 'x\u001b[31m', 'yellow', { colour: true })).toEqual([
    '\u001b[33mwarning\u001b[0m: x\\u001b[31m',
  ]);
});

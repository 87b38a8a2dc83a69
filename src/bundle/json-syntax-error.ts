// SPDX-License-Identifier: Apache-2.0
import { RuntimeError } from '../errors/error.ts';
import { textExcerpt, textPosition } from './text-position.ts';

/** The token that the parser expected. */
export type Expected = 'value' | 'key' | 'colon' | 'comma' | 'string' | 'escape' | 'control' | 'depth';

/**
 * Returns the error for a text that is not JSON; its message names the cause if it is a common mistake.
 *
 * @param offset - position of the parser
 */
export function syntaxError(text: string, offset: number, expected: Expected): RuntimeError {
  const [cause, hint] = explain(text, offset, expected);
  const { line, column } = textPosition(text, offset);
  return new RuntimeError({
    code: 'bundle.config-syntax',
    message: `config.json is not valid JSON at line ${line}, column ${column}: ${cause}`,
    line,
    column,
    value: textExcerpt(text, offset),
    hint,
  });
}

function explain(text: string, offset: number, expected: Expected): [cause: string, hint?: string] {
  // Bytes that are not UTF-8 were read as U+FFFD; UTF-16 and UTF-32 have a NUL beside each ASCII character.
  if (text.slice(0, 8).includes('\0')) return ['UTF-16 text', 'save the file as UTF-8'];
  if (expected === 'depth') return ['nested more than 1000 levels deep'];
  if (expected === 'string') return ['a string without its closing quote'];
  if (expected === 'escape') return ['an unknown escape in a string', 'write \\\\ for a backslash'];
  if (expected === 'control') return explainControl(text, offset);
  if (offset >= text.length) return explainEnd(text);
  const found = text.charAt(offset);
  if (found === '\ufeff') return ['a byte order mark', 'save the file as UTF-8 without one'];
  if (found === '\ufffd') return ['a byte that is not UTF-8', 'save the file as UTF-8'];
  if (found === "'") return ['a single quote', 'JSON strings take double quotes'];
  if (found === '`') return ['a backquote', 'JSON strings take double quotes'];
  if (found === '#' || text.startsWith('//', offset) || text.startsWith('/*', offset)) {
    return ['a comment', 'JSON has no comments; annotations can carry notes'];
  }
  if (found === '}' || found === ']') {
    if (text.slice(0, offset).trimEnd().endsWith(',')) {
      return [`a comma before the closing ${found}`, 'remove the comma'];
    }
    return [`a ${found} where ${names[expected]} should be`];
  }
  if (expected === 'comma') {
    return /["{[\w-]/.test(found)
      ? ['a missing comma', 'put a comma before it']
      : [`${show(found)} where a comma or the end should be`];
  }
  return expected === 'value'
    ? explainWord(text, offset)
    : [`${show(found)} where ${names[expected]} should be`];
}

const names = {
  value: 'a value',
  key: 'a name in double quotes',
  colon: 'a colon',
  comma: 'a comma',
} as const;

function explainEnd(text: string): [string, string?] {
  return text.trim() === ''
    ? ['the file is empty']
    : ['the file ends in the middle', 'it may have been cut off'];
}

function explainControl(text: string, offset: number): [string, string] {
  return text.charAt(offset) === '\n'
    ? ['a line end within a string', 'a closing quote may be missing; \\n stands for a line end']
    : ['a control character within a string', 'write it as an escape: \\t, \\u0000'];
}

function explainWord(text: string, offset: number): [string, string?] {
  const word = /^[\w$.+-]+/.exec(text.slice(offset, offset + 40))?.[0] ?? text.charAt(offset);
  if (/^(?:True|False|None|TRUE|FALSE|NULL|Null)$/.test(word)) {
    return [`the word ${word}`, 'JSON has true, false and null in lower case'];
  }
  if (/^-?0[xXoObB]/.test(word)) return [`the number ${word}`, 'JSON numbers are decimal'];
  if (/^-?0\d/.test(word))
    return [`the number ${word} with a leading zero`, 'JSON numbers are decimal, not octal'];
  if (/^[+.]?\d|^-/.test(word)) return [`${word} is not a number`];
  if (/^\w/.test(word)) return [`the word ${word}`, 'JSON strings take double quotes'];
  return [`${show(word)} where a value should be`];
}

function show(character: string): string {
  const number = character.codePointAt(0) ?? 0;
  return number > 0x20 && number < 0x7f
    ? character
    : `U+${number.toString(16).toUpperCase().padStart(4, '0')}`;
}

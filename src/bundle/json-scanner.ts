// SPDX-License-Identifier: Apache-2.0
import { syntaxError } from './json-syntax-error.ts';

/** Character codes of JSON's punctuation. */
export const code = {
  quote: 0x22,
  comma: 0x2c,
  minus: 0x2d,
  zero: 0x30,
  nine: 0x39,
  colon: 0x3a,
  openBracket: 0x5b,
  backslash: 0x5c,
  closeBracket: 0x5d,
  openBrace: 0x7b,
  closeBrace: 0x7d,
} as const;

const numberSyntax = /-?(?:0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?/y;
/** An integer with more digits exceeds 2^1000 and is parsed as a double, which may be infinite. */
const mostDigits = 308;
const wordSyntax = /[A-Za-z0-9_$.+-]+/y;
// biome-ignore lint/suspicious/noControlCharactersInRegex: JSON forbids exactly these in a string
const controlCharacter = /[\u0000-\u001f]/;

/** Replaces unpaired surrogates with U+FFFD. */
function wellFormed(text: string): string {
  return text.replace(/[\ud800-\udfff]/gu, '\ufffd');
}

/** Reads the tokens of a JSON text. Every method sets `offset` to the end of its token. */
export class JsonScanner {
  readonly text: string;
  offset = 0;

  constructor(text: string) {
    this.text = text;
  }

  /** Returns the code of the next character other than white space; NaN at the end of the text. */
  peek(): number {
    for (;;) {
      const next = this.text.charCodeAt(this.offset);
      if (next !== 0x20 && next !== 0x0a && next !== 0x0d && next !== 0x09) return next;
      this.offset++;
    }
  }

  /** Reads a member's name and the colon after it. */
  key(): string {
    if (this.peek() !== code.quote) throw syntaxError(this.text, this.offset, 'key');
    const key = this.string();
    if (this.peek() !== code.colon) throw syntaxError(this.text, this.offset, 'colon');
    this.offset++;
    return key;
  }

  /** Reads a string. Precondition: the next character is the opening quote. */
  string(): string {
    const start = this.offset;
    const end = this.stringEnd();
    const raw = this.text.slice(start + 1, end - 1);
    const control = raw.search(controlCharacter);
    if (control !== -1) throw syntaxError(this.text, start + 1 + control, 'control');
    this.offset = end;
    if (!raw.includes('\\')) return raw;
    try {
      return wellFormed(JSON.parse(this.text.slice(start, end)) as string);
    } catch {
      throw syntaxError(this.text, start + this.badEscape(raw), 'escape');
    }
  }

  /** Skips a string without decoding it. Same precondition as `string`. */
  skipString(): void {
    this.offset = this.stringEnd();
  }

  /** Skips a number or word. */
  skipScalar(): void {
    wordSyntax.lastIndex = this.offset;
    this.offset += wordSyntax.exec(this.text)?.[0].length ?? 0;
  }

  /** Reads a number, `true`, `false` or `null`. An integer that a double cannot represent exactly becomes a bigint. */
  scalar(): unknown {
    const start = this.offset;
    numberSyntax.lastIndex = start;
    const number = numberSyntax.exec(this.text);
    wordSyntax.lastIndex = start;
    const word = wordSyntax.exec(this.text)?.[0] ?? '';
    this.offset += word.length;
    if (number !== null && number[0] === word) {
      const value = Number(word);
      const isInteger = number[1] === undefined && number[2] === undefined;
      // Such a number is out of every range, and BigInt is slow for a million digits.
      const isLong = word.length > mostDigits;
      return isInteger && !isLong && !Number.isSafeInteger(value) ? BigInt(word) : value;
    }
    if (word === 'true') return true;
    if (word === 'false') return false;
    if (word === 'null') return null;
    throw syntaxError(this.text, start, 'value');
  }

  private stringEnd(): number {
    let quote = this.offset;
    for (;;) {
      quote = this.text.indexOf('"', quote + 1);
      if (quote === -1) throw syntaxError(this.text, this.offset, 'string');
      let before = quote - 1;
      while (this.text.charCodeAt(before) === code.backslash) before--;
      // Backslashes in pairs escape each other; only an odd one escapes the quote.
      if ((quote - before) % 2 === 1) return quote + 1;
    }
  }

  private badEscape(raw: string): number {
    const escapes = /\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})|(\\)/g;
    for (const match of raw.matchAll(escapes)) {
      if (match[1] !== undefined) return match.index + 1;
    }
    return 1;
  }
}

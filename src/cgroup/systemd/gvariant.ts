// SPDX-License-Identifier: Apache-2.0
import { lookUp } from '../../oci/look-up.ts';
import { completeTypes, type Value, type Variant } from './types.ts';

/** Type keywords of the text format. */
const words: Readonly<Record<string, string>> = {
  boolean: 'b',
  byte: 'y',
  int16: 'n',
  uint16: 'q',
  int32: 'i',
  uint32: 'u',
  handle: 'h',
  int64: 'x',
  uint64: 't',
  double: 'd',
  string: 's',
  objectpath: 'o',
  signature: 'g',
};

const escapes: Readonly<Record<string, string>> = {
  n: '\n',
  t: '\t',
  r: '\r',
  a: '\x07',
  b: '\b',
  f: '\f',
  v: '\v',
};

/**
 * Parses a value in GVariant text format, the format of the annotations: `true`, `'text'`, `uint64 5`, `['a', 'b']`,
 * `(1, <2>)`, `{'a': 1}`, `@as []`. A number without a type is an int32; a number with a decimal point is a double.
 *
 * @throws Error whose message contains the problem and its position
 */
export function parseVariant(text: string): Variant {
  const parser = new Parser(text);
  const value = parser.value(undefined);
  parser.end();
  return value;
}

class Parser {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  end(): void {
    this.#blanks();
    if (this.#at < this.#text.length) throw this.#wrong('the end');
  }

  value(wanted: string | undefined): Variant {
    this.#blanks();
    const next = this.#text[this.#at] ?? '';
    if (next === '@') {
      const type = this.#match(/@[a-z(){}]+/y)?.slice(1) ?? '';
      if (!isOneType(type)) throw this.#wrong('a type');
      return this.value(type);
    }
    if (next === "'" || next === '"') return this.#typed(wanted ?? 's', this.#string());
    if (/b['"]/y.test(this.#text.slice(this.#at, this.#at + 2))) return this.#bytes();
    if (next === '[') return this.#array(wanted);
    if (next === '(') return this.#tuple(wanted);
    if (next === '{') return this.#dictionary(wanted);
    if (next === '<') return this.#variant();
    const word = this.#match(/[a-z]+[0-9]*/y);
    if (word === 'true' || word === 'false') return { signature: 'b', value: word === 'true' };
    if (word === 'inf' || word === 'nan') return { signature: 'd', value: word === 'inf' ? Infinity : NaN };
    if (word !== undefined) {
      const type = lookUp(words, word);
      if (type === undefined) throw this.#wrong('a value');
      return this.value(type);
    }
    return this.#number(wanted);
  }

  #number(wanted: string | undefined): Variant {
    const digits = this.#match(/[-+]?(0[xX][0-9a-fA-F]+|[0-9]+(\.[0-9]*)?([eE][-+]?[0-9]+)?|\.[0-9]+)/y);
    if (digits === undefined) throw this.#wrong('a value');
    const whole = /^[-+]?(0[xX][0-9a-fA-F]+|[0-9]+)$/.test(digits);
    const type = wanted ?? (whole ? 'i' : 'd');
    if (type === 'd') return { signature: 'd', value: Number(digits) };
    if (!whole || !'ynqiuxth'.includes(type)) throw this.#wrong(`a value of type ${type}`);
    const magnitude = BigInt(digits.replace(/^[-+]/, ''));
    return { signature: type, value: digits.startsWith('-') ? -magnitude : magnitude };
  }

  #typed(signature: string, value: string): Variant {
    if (!'sog'.includes(signature)) throw this.#wrong(`a value of type ${signature}`);
    return { signature, value };
  }

  #string(): string {
    const quote = this.#text[this.#at++];
    let made = '';
    for (;;) {
      const letter = this.#text[this.#at++];
      if (letter === undefined) throw this.#wrong(`a ${quote}`);
      if (letter === quote) return made;
      if (letter !== '\\') {
        made += letter;
        continue;
      }
      const code = this.#match(/u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}/y);
      if (code !== undefined) {
        made += String.fromCodePoint(Math.min(Number.parseInt(code.slice(1), 16), 0x10ffff));
        continue;
      }
      const escaped = this.#text[this.#at++];
      if (escaped === undefined) throw this.#wrong('a letter');
      made += lookUp(escapes, escaped) ?? escaped;
    }
  }

  /** Parses a byte string; its value ends with a zero byte. */
  #bytes(): Variant {
    this.#at++;
    const codes = [...this.#string()].map(letter => letter.charCodeAt(0) & 0xff);
    return { signature: 'ay', value: [...codes, 0] };
  }

  #array(wanted: string | undefined): Variant {
    let element = wanted?.startsWith('a') ? wanted.slice(1) : undefined;
    const values: Value[] = [];
    this.#list('[', ']', () => {
      const { signature, value } = this.value(element);
      element ??= signature;
      if (signature !== element) throw this.#wrong(`a value of type ${element}`);
      values.push(value);
    });
    if (element === undefined) throw this.#wrong('a type before an empty array (@as [])');
    return { signature: `a${element}`, value: values };
  }

  #tuple(wanted: string | undefined): Variant {
    const types = wanted?.startsWith('(') ? completeTypes(wanted.slice(1, -1)) : [];
    const values: Variant[] = [];
    this.#list('(', ')', () => {
      values.push(this.value(types[values.length]));
    });
    const signature = `(${values.map(value => value.signature).join('')})`;
    return { signature, value: values.map(({ value }) => value) };
  }

  #dictionary(wanted: string | undefined): Variant {
    let entry = wanted?.startsWith('a{') ? completeTypes(wanted.slice(2, -1)) : undefined;
    const values: Value[] = [];
    this.#list('{', '}', () => {
      const key = this.value(entry?.[0]);
      this.#expect(':');
      const value = this.value(entry?.[1]);
      entry ??= [key.signature, value.signature];
      if (key.signature !== entry[0] || value.signature !== entry[1]) {
        throw this.#wrong(`an entry of type {${entry.join('')}}`);
      }
      values.push([key.value, value.value]);
    });
    if (entry === undefined) throw this.#wrong('a type before an empty dictionary (@a{sv} {})');
    return { signature: `a{${entry.join('')}}`, value: values };
  }

  #variant(): Variant {
    this.#expect('<');
    const value = this.value(undefined);
    this.#expect('>');
    return { signature: 'v', value };
  }

  #list(open: string, close: string, element: () => void): void {
    this.#expect(open);
    for (let first = true; ; first = false) {
      this.#blanks();
      if (this.#text[this.#at] === close) {
        this.#at++;
        return;
      }
      if (!first) this.#expect(',');
      this.#blanks();
      // A tuple with one element has a trailing comma.
      if (!first && close === ')' && this.#text[this.#at] === close) continue;
      element();
    }
  }

  #expect(letter: string): void {
    this.#blanks();
    if (this.#text[this.#at] !== letter) throw this.#wrong(letter);
    this.#at++;
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0];
    this.#at += found?.length ?? 0;
    return found;
  }

  #blanks(): void {
    this.#match(/\s*/y);
  }

  #wrong(expected: string): Error {
    return new Error(`expected ${expected} at character ${this.#at + 1}`);
  }
}

function isOneType(type: string): boolean {
  try {
    return completeTypes(type).length === 1;
  } catch {
    return false;
  }
}

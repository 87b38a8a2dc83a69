// SPDX-License-Identifier: Apache-2.0
import { alignmentOf, completeTypes, fieldTypes, MarshalError, type Value } from './types.ts';

/** Unmarshals the format of marshal.ts. Alignment counts from the first byte; reading past the end fails. */
export class Reader {
  readonly #bytes: Uint8Array;
  #at: number;

  constructor(bytes: Uint8Array, at = 0) {
    this.#bytes = bytes;
    this.#at = at;
  }

  get at(): number {
    return this.#at;
  }

  align(boundary: number): void {
    while (this.#at % boundary !== 0) this.#byte();
  }

  values(signature: string): Value[] {
    return completeTypes(signature).map(type => this.value(type));
  }

  value(type: string): Value {
    this.align(alignmentOf(type));
    switch (type[0]) {
      case 'y':
        return this.#byte();
      case 'b':
        return this.#unsigned(4) !== 0n;
      case 'n':
        return Number(BigInt.asIntN(16, this.#unsigned(2)));
      case 'q':
        return Number(this.#unsigned(2));
      case 'i':
        return Number(BigInt.asIntN(32, this.#unsigned(4)));
      case 'u':
      case 'h':
        return Number(this.#unsigned(4));
      case 'x':
        return BigInt.asIntN(64, this.#unsigned(8));
      case 't':
        return this.#unsigned(8);
      case 'd':
        return this.#double();
      case 's':
      case 'o':
        return this.#text(Number(this.#unsigned(4)));
      case 'g':
        return this.#text(this.#byte());
      case 'v':
        return this.#variant();
      case 'a':
        return this.#array(type.slice(1));
      default:
        return fieldTypes(type).map(field => this.value(field));
    }
  }

  #byte(): number {
    const byte = this.#bytes[this.#at++];
    if (byte === undefined) throw new MarshalError('a message ends before its values do');
    return byte;
  }

  #unsigned(width: number): bigint {
    let value = 0n;
    for (let at = 0; at < width; at++) value |= BigInt(this.#byte()) << BigInt(8 * at);
    return value;
  }

  #double(): number {
    const view = new DataView(new ArrayBuffer(8));
    for (let at = 0; at < 8; at++) view.setUint8(at, this.#byte());
    return view.getFloat64(0, true);
  }

  #text(length: number): string {
    const start = this.#at;
    this.#at += length;
    if (this.#byte() !== 0) throw new MarshalError('a string of a message is not terminated');
    return textOf(this.#bytes.subarray(start, start + length));
  }

  #variant(): Value {
    const signature = this.value('g') as string;
    if (completeTypes(signature).length !== 1)
      throw new MarshalError(`a variant must have one type, not "${signature}"`);
    return { signature, value: this.value(signature) };
  }

  #array(type: string): Value[] {
    const length = Number(this.#unsigned(4));
    this.align(alignmentOf(type));
    const end = this.#at + length;
    if (end > this.#bytes.length) throw new MarshalError('an array is longer than its message');
    const values: Value[] = [];
    while (this.#at < end) values.push(this.value(type));
    if (this.#at !== end) throw new MarshalError('an array of a message ends within an element');
    return values;
  }
}

/** Decodes UTF-8. Invalid bytes become U+FFFD, because the text is only displayed. */
export function textOf(bytes: Uint8Array): string {
  let text = '';
  for (let at = 0; at < bytes.length; ) {
    const first = bytes[at++] as number;
    const more = first < 0x80 ? 0 : first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : 1;
    let code = more === 0 ? first : first & (0x3f >> more);
    for (let i = 0; i < more; i++) {
      const next = bytes[at];
      if (next === undefined || (next & 0xc0) !== 0x80) {
        code = 0xfffd;
        break;
      }
      code = (code << 6) | (next & 0x3f);
      at++;
    }
    text += String.fromCodePoint(first >= 0x80 && first < 0xc0 ? 0xfffd : Math.min(code, 0x10ffff));
  }
  return text;
}

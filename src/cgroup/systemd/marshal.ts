// SPDX-License-Identifier: Apache-2.0
import { utf8 } from '../../host/utf8.ts';
import { alignmentOf, completeTypes, fieldTypes, MarshalError, type Value, type Variant } from './types.ts';

/** Size in bytes of each number type. */
const widths: Readonly<Record<string, number>> = { y: 1, n: 2, q: 2, i: 4, u: 4, h: 4, x: 8, t: 8 };

/** Marshals values for D-Bus in little endian. Alignment counts from the first byte of the buffer. */
export class Writer {
  readonly #bytes: number[] = [];

  get length(): number {
    return this.#bytes.length;
  }

  bytes(): Uint8Array {
    return Uint8Array.from(this.#bytes);
  }

  align(boundary: number): void {
    while (this.#bytes.length % boundary !== 0) this.#bytes.push(0);
  }

  append(bytes: Uint8Array): void {
    for (const byte of bytes) this.#bytes.push(byte);
  }

  /** @throws MarshalError if the values do not match the signature */
  values(signature: string, values: readonly Value[]): void {
    const types = completeTypes(signature);
    if (types.length !== values.length) {
      throw new MarshalError(`${values.length} values for the signature ${signature}`);
    }
    types.forEach((type, index) => {
      this.value(type, values[index] as Value);
    });
  }

  value(type: string, value: Value): void {
    this.align(alignmentOf(type));
    const letter = type[0] as string;
    const width = widths[letter];
    if (width !== undefined) {
      this.#integer(type, width, value);
      return;
    }
    switch (letter) {
      case 'b':
        if (typeof value !== 'boolean') throw mismatch(type, value);
        this.#number(value ? 1n : 0n, 4);
        break;
      case 'd':
        this.#double(type, value);
        break;
      case 's':
      case 'o':
        this.#text(type, value, 4);
        break;
      case 'g':
        this.#text(type, value, 1);
        break;
      case 'v':
        this.#variant(value);
        break;
      case 'a':
        this.#array(type.slice(1), value);
        break;
      default:
        this.#fields(type, value);
        break;
    }
  }

  #number(value: bigint, width: number): void {
    for (let shift = 0n; shift < BigInt(width * 8); shift += 8n) {
      this.#bytes.push(Number((value >> shift) & 0xffn));
    }
  }

  #integer(type: string, width: number, value: Value): void {
    if (typeof value !== 'number' && typeof value !== 'bigint') throw mismatch(type, value);
    if (typeof value === 'number' && !Number.isInteger(value)) throw mismatch(type, value);
    const number = BigInt(value);
    const bits = BigInt(width * 8);
    const signed = 'nix'.includes(type);
    const low = signed ? -(1n << (bits - 1n)) : 0n;
    const high = signed ? (1n << (bits - 1n)) - 1n : (1n << bits) - 1n;
    if (number < low || number > high) throw mismatch(type, value);
    this.#number(number, width);
  }

  #double(type: string, value: Value): void {
    if (typeof value !== 'number') throw mismatch(type, value);
    const view = new DataView(new ArrayBuffer(8));
    view.setFloat64(0, value, true);
    for (let at = 0; at < 8; at++) this.#bytes.push(view.getUint8(at));
  }

  #text(type: string, value: Value, lengthWidth: number): void {
    if (typeof value !== 'string' || value.includes('\0')) throw mismatch(type, value);
    const encoded = utf8(value);
    this.#number(BigInt(encoded.length), lengthWidth);
    this.append(encoded);
    this.#bytes.push(0);
  }

  #variant(value: Value): void {
    const { signature, value: inner } = value as Variant;
    if (typeof signature !== 'string' || completeTypes(signature).length !== 1) throw mismatch('v', value);
    this.value('g', signature);
    this.value(signature, inner);
  }

  /** The length covers only the elements, not the padding before the first one. */
  #array(type: string, value: Value): void {
    if (!Array.isArray(value)) throw mismatch(`a${type}`, value);
    const lengthAt = this.#bytes.length;
    this.#number(0n, 4);
    this.align(alignmentOf(type));
    const start = this.#bytes.length;
    for (const element of value as readonly Value[]) this.value(type, element);
    const length = this.#bytes.length - start;
    for (let at = 0; at < 4; at++) this.#bytes[lengthAt + at] = (length >>> (8 * at)) & 0xff;
  }

  #fields(type: string, value: Value): void {
    const types = fieldTypes(type);
    if (!Array.isArray(value) || value.length !== types.length) throw mismatch(type, value);
    types.forEach((field, index) => {
      this.value(field, (value as readonly Value[])[index] as Value);
    });
  }
}

function mismatch(type: string, value: Value): MarshalError {
  return new MarshalError(`a ${typeof value} does not match the signature ${type}: ${String(value)}`);
}

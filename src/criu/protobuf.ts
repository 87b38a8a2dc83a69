// SPDX-License-Identifier: Apache-2.0
/** A field of a message: a list is a repeated field, an object is a message in it. Absent fields are undefined. */
export type FieldValue = number | boolean | string | Message | readonly FieldValue[] | undefined;

/** A message as an object, with the names of its fields. */
export interface Message {
  readonly [name: string]: FieldValue;
}

/** The numbers of the fields of a message, and the numbers of the messages in it. */
export interface Schema {
  readonly [name: string]: number | readonly [number, Schema];
}

/** Wire types of the encoding (protobuf.dev, Encoding). */
const varint = 0;
const fixed64 = 1;
const lengthDelimited = 2;
const fixed32 = 5;

/** @param utf8 - the function of the binding */
export function encodeMessage(
  message: Message,
  schema: Schema,
  utf8: (text: string) => Uint8Array,
): Uint8Array {
  const out: number[] = [];
  for (const [name, value] of Object.entries(message)) {
    const entry = schema[name];
    if (entry === undefined) throw new Error(`the schema has no field ${name}`);
    const [number, inner] = typeof entry === 'number' ? [entry, undefined] : entry;
    for (const item of Array.isArray(value) ? value : [value]) encodeField(number, item, inner);
  }
  return Uint8Array.from(out);

  function encodeField(number: number, value: FieldValue, inner: Schema | undefined): void {
    if (value === undefined) return;
    if (typeof value === 'number' || typeof value === 'boolean') {
      pushVarint(out, (number << 3) | varint);
      // A negative int32 has the 64 bits of its sign-extended value.
      pushVarint(out, BigInt.asUintN(64, BigInt(value)));
      return;
    }
    const bytes =
      typeof value === 'string' ? utf8(value) : encodeMessage(value as Message, inner as Schema, utf8);
    pushVarint(out, (number << 3) | lengthDelimited);
    pushVarint(out, bytes.length);
    for (const byte of bytes) out.push(byte);
  }
}

function pushVarint(out: number[], value: number | bigint): void {
  let left = BigInt(value);
  for (; left > 0x7fn; left >>= 7n) out.push(Number(left & 0x7fn) | 0x80);
  out.push(Number(left));
}

/** The fields of a received message by number. The last of several values of a field is used. */
export class Fields {
  readonly #values = new Map<number, bigint | Uint8Array>();

  /** @throws Error if the bytes are not a message */
  constructor(bytes: Uint8Array) {
    let at = 0;
    const readVarint = (): bigint => {
      let value = 0n;
      for (let shift = 0n; shift < 70n; shift += 7n) {
        const byte = bytes[at++];
        if (byte === undefined) throw new Error('a message ends within a number');
        value |= BigInt(byte & 0x7f) << shift;
        if (byte < 0x80) return BigInt.asUintN(64, value);
      }
      throw new Error('a number of a message is longer than 64 bits');
    };
    const take = (length: number): Uint8Array => {
      if (length > bytes.length - at) throw new Error('a message ends within a field');
      at += length;
      return bytes.subarray(at - length, at);
    };
    while (at < bytes.length) {
      const key = readVarint();
      const kind = Number(key & 7n);
      const number = Number(key >> 3n);
      if (kind === varint) this.#values.set(number, readVarint());
      else if (kind === lengthDelimited) this.#values.set(number, take(Number(readVarint())));
      else if (kind === fixed64) take(8);
      else if (kind === fixed32) take(4);
      else throw new Error(`a field of a message has the type ${kind}`);
    }
  }

  /** An int32, uint32 or enumeration; undefined if the field is absent. */
  number(number: number): number | undefined {
    const value = this.#values.get(number);
    return typeof value === 'bigint' ? Number(BigInt.asIntN(64, value)) : undefined;
  }

  /** False if the field is absent. */
  boolean(number: number): boolean {
    return (this.number(number) ?? 0) !== 0;
  }

  /** A text of ASCII characters; undefined if the field is absent. */
  text(number: number): string | undefined {
    const value = this.#values.get(number);
    return value instanceof Uint8Array ? String.fromCharCode(...value) : undefined;
  }

  message(number: number): Fields | undefined {
    const value = this.#values.get(number);
    return value instanceof Uint8Array ? new Fields(value) : undefined;
  }
}

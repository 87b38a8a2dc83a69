// SPDX-License-Identifier: Apache-2.0
// Messages of protocol buffers without a schema: a message is a list of field numbers and values.

/** A field is absent if its value is undefined. Booleans and numbers are varints. */
export type Field = readonly [number, string | number | boolean | Fields | readonly string[] | undefined];
export type Fields = readonly Field[];

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = BigInt(value);
  for (; rest > 0x7fn; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  bytes.push(Number(rest));
  return Buffer.from(bytes);
}

const lengthDelimited = (number: number, content: Buffer) =>
  Buffer.concat([varint((number << 3) | 2), varint(content.length), content]);

const isTexts = (value: Fields | readonly string[]): value is readonly string[] =>
  typeof value[0] === 'string';

function encodeField([number, value]: Field): Buffer {
  if (value === undefined) return Buffer.alloc(0);
  if (typeof value === 'string') return lengthDelimited(number, Buffer.from(value));
  if (typeof value === 'object') {
    return isTexts(value)
      ? Buffer.concat(value.map(text => lengthDelimited(number, Buffer.from(text))))
      : lengthDelimited(number, encode(value));
  }
  return Buffer.concat([varint(number << 3), varint(Number(value))]);
}

export function encode(fields: Fields): Buffer {
  return Buffer.concat(fields.map(encodeField));
}

/** A received message. */
export class Message {
  private readonly fields = new Map<number, (bigint | Buffer)[]>();

  constructor(content: Buffer) {
    let at = 0;
    const next = () => {
      let value = 0n;
      for (let shift = 0n; ; shift += 7n) {
        const byte = content.readUInt8(at++);
        value |= BigInt(byte & 0x7f) << shift;
        if (byte < 0x80) return value;
      }
    };
    const take = (length: number) => {
      at += length;
      if (at > content.length) throw new Error('the message is truncated');
      return content.subarray(at - length, at);
    };
    while (at < content.length) {
      const key = Number(next());
      const value = this.value(key & 7, next, take);
      this.fields.set(key >> 3, [...(this.fields.get(key >> 3) ?? []), value]);
    }
  }

  private value(type: number, next: () => bigint, take: (length: number) => Buffer): bigint | Buffer {
    switch (type) {
      case 0:
        return next();
      case 1:
        return take(8);
      case 2:
        return take(Number(next()));
      case 5:
        return take(4);
      default:
        throw new Error(`unknown wire type ${type}`);
    }
  }

  private bytes(number: number): Buffer[] {
    return (this.fields.get(number) ?? []).filter(value => typeof value !== 'bigint');
  }

  /** Empty if absent. */
  text(number: number): string {
    return this.bytes(number).at(-1)?.toString() ?? '';
  }

  /** 0 if absent. */
  number(number: number): number {
    const value = this.fields.get(number)?.at(-1);
    return typeof value === 'bigint' ? Number(value) : 0;
  }

  /** Empty if absent. */
  message(number: number): Message {
    return new Message(this.bytes(number).at(-1) ?? Buffer.alloc(0));
  }

  messages(number: number): Message[] {
    return this.bytes(number).map(content => new Message(content));
  }
}

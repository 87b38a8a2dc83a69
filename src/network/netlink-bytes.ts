// SPDX-License-Identifier: Apache-2.0

/**
 * Writes messages of netlink(7) as bytes. Headers are little endian, as on every supported machine; numbers of
 * nfnetlink attributes are big endian.
 */
export type Bytes = readonly number[];

const headerLength = 16;
const request = 1;
/** Flags of a message (NLM_F_*). */
export const messageFlags = { ack: 4, exclusive: 0x200, dump: 0x300, create: 0x400 } as const;
const nested = 0x8000;

export function u16be(value: number): number[] {
  return [(value >> 8) & 0xff, value & 0xff];
}

export function u32be(value: number): number[] {
  return [(value >>> 24) & 0xff, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff];
}

export function u32le(value: number): number[] {
  return u32be(value).reverse();
}

/** Bytes of an ASCII text, with a NUL. */
export function ascii(text: string): number[] {
  return [...Array.from(text, letter => letter.charCodeAt(0)), 0];
}

/** `bytes` with zeros up to a multiple of `unit`. */
export function padded(bytes: Bytes, unit = 4): number[] {
  const missing = (unit - (bytes.length % unit)) % unit;
  return [...bytes, ...Array<number>(missing).fill(0)];
}

export function attribute(type: number, payload: Bytes): number[] {
  const length = payload.length + 4;
  return padded([length & 0xff, length >> 8, type & 0xff, type >> 8, ...payload]);
}

export function nest(type: number, ...inner: readonly Bytes[]): number[] {
  return attribute(type | nested, inner.flat());
}

/** One message; `body` is the fixed part with the attributes. */
export function message(type: number, flags: number, sequence: number, body: Bytes): number[] {
  return [...messageHeader(type, flags, sequence, body.length), ...body];
}

/** The header of a message with a body of this many bytes. */
export function messageHeader(type: number, flags: number, sequence: number, bodyLength: number): number[] {
  return [
    ...u32le(headerLength + bodyLength),
    ...[type & 0xff, type >> 8, (flags | request) & 0xff, (flags | request) >> 8],
    ...u32le(sequence),
    ...[0, 0, 0, 0],
  ];
}

/** Copies whole parts, which is much faster than bytes one by one. */
export function joined(parts: readonly ArrayLike<number>[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** A message of an answer: its type, and the bytes after the header. */
export interface Received {
  readonly type: number;
  readonly body: Uint8Array;
}

export function readMessages(bytes: Uint8Array): Received[] {
  const found: Received[] = [];
  for (let at = 0; at + headerLength <= bytes.length; ) {
    const length = read32(bytes, at);
    if (length < headerLength || at + length > bytes.length) break;
    found.push({ type: read16(bytes, at + 4), body: bytes.subarray(at + headerLength, at + length) });
    at += (length + 3) & ~3;
  }
  return found;
}

/** Attributes by type; the last one if a type is repeated. */
export function readAttributes(bytes: Uint8Array): Map<number, Uint8Array> {
  return new Map(readList(bytes));
}

export function readList(bytes: Uint8Array): [type: number, payload: Uint8Array][] {
  const found: [number, Uint8Array][] = [];
  for (let at = 0; at + 4 <= bytes.length; ) {
    const length = read16(bytes, at);
    if (length < 4 || at + length > bytes.length) break;
    found.push([read16(bytes, at + 2) & 0x3fff, bytes.subarray(at + 4, at + length)]);
    at += (length + 3) & ~3;
  }
  return found;
}

/** The text of an attribute without its NUL. */
export function readText(bytes: Uint8Array | undefined): string {
  let text = '';
  for (const byte of bytes ?? []) {
    if (byte === 0) break;
    text += String.fromCharCode(byte);
  }
  return text;
}

export function read32be(bytes: Uint8Array | undefined): number {
  const [a = 0, b = 0, c = 0, d = 0] = bytes ?? [];
  return ((a << 24) | (b << 16) | (c << 8) | d) >>> 0;
}

function read16(bytes: Uint8Array, at: number): number {
  return (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8);
}

function read32(bytes: Uint8Array, at: number): number {
  return (read16(bytes, at) | (read16(bytes, at + 2) << 16)) >>> 0;
}

// SPDX-License-Identifier: Apache-2.0

/**
 * Writes messages of netlink(7) as bytes. Headers are little endian, as on every supported machine; numbers of
 * nfnetlink attributes are big endian.
 */
export type Bytes = readonly number[];
/** A piece of a message, whose bytes are copied. */
export type Part = ArrayLike<number>;

const headerLength = 16;
const request = 1;
/** Flags of a message (NLM_F_*). */
export const messageFlags = { ack: 4, exclusive: 0x200, dump: 0x300, create: 0x400 } as const;
const nested = 0x8000;
const unit = 4;

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
export function ascii(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length + 1);
  for (let at = 0; at < text.length; at++) bytes[at] = text.charCodeAt(at);
  return bytes;
}

/** Returns the length with padding to a multiple of four. */
export function aligned(length: number): number {
  return (length + unit - 1) & -unit;
}

/** `bytes` with zeros up to a multiple of four. */
export function padded(bytes: Bytes): number[] {
  const all = [...bytes];
  while (all.length % unit !== 0) all.push(0);
  return all;
}

/** One attribute with the parts as its contents, padded to a multiple of four. Each part is copied as a whole. */
export function attribute(type: number, ...parts: readonly Part[]): Uint8Array {
  const length = lengthOf(parts) + unit;
  const bytes = new Uint8Array(aligned(length));
  bytes[0] = length & 0xff;
  bytes[1] = length >> 8;
  bytes[2] = type & 0xff;
  bytes[3] = type >> 8;
  copyTo(bytes, unit, parts);
  return bytes;
}

export function nest(type: number, ...inner: readonly Part[]): Uint8Array {
  return attribute(type | nested, ...inner);
}

/** One message; the parts are its fixed part and its attributes. */
export function message(
  type: number,
  flags: number,
  sequence: number,
  ...parts: readonly Part[]
): Uint8Array {
  const length = headerLength + lengthOf(parts);
  const bytes = new Uint8Array(length);
  const [kind, options] = [type, flags | request];
  bytes.set([...u32le(length), kind & 0xff, kind >> 8, options & 0xff, options >> 8, ...u32le(sequence)]);
  copyTo(bytes, headerLength, parts);
  return bytes;
}

export function joined(parts: readonly Part[]): Uint8Array {
  const bytes = new Uint8Array(lengthOf(parts));
  copyTo(bytes, 0, parts);
  return bytes;
}

function lengthOf(parts: readonly Part[]): number {
  let length = 0;
  for (const part of parts) length += part.length;
  return length;
}

function copyTo(bytes: Uint8Array, start: number, parts: readonly Part[]): void {
  let at = start;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
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
    at += aligned(length);
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
    at += aligned(length);
  }
  return found;
}

/** Returns the text of an attribute without its NUL. */
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

// SPDX-License-Identifier: Apache-2.0
import { Writer } from './marshal.ts';
import { MarshalError, type Value, type Variant } from './types.ts';
import { Reader } from './unmarshal.ts';

export interface Call {
  readonly path: string;
  readonly interface: string;
  readonly member: string;
  readonly destination: string;
  /** Signature of the body; `''` without arguments. */
  readonly signature: string;
  readonly body: readonly Value[];
}

/** A received message. */
export interface Message {
  readonly kind: 'call' | 'return' | 'error' | 'signal';
  readonly path: string | undefined;
  readonly interface: string | undefined;
  readonly member: string | undefined;
  readonly errorName: string | undefined;
  /** The serial of the call that this answers. */
  readonly replyTo: number | undefined;
  readonly body: readonly Value[];
}

const kinds = ['call', 'return', 'error', 'signal'] as const;
const littleEndian = 0x6c;
const protocolVersion = 1;
const fixedBytes = 16;
/** The maximum message length in the D-Bus specification. */
const mostBytes = 1 << 27;

const fields = {
  path: 1,
  interface: 2,
  member: 3,
  errorName: 4,
  replySerial: 5,
  destination: 6,
  signature: 8,
} as const;

export function encodeCall(call: Call, serial: number): Uint8Array {
  const body = new Writer();
  body.values(call.signature, call.body);
  const header: [number, Variant][] = [
    [fields.path, { signature: 'o', value: call.path }],
    [fields.interface, { signature: 's', value: call.interface }],
    [fields.member, { signature: 's', value: call.member }],
    [fields.destination, { signature: 's', value: call.destination }],
  ];
  if (call.signature !== '') header.push([fields.signature, { signature: 'g', value: call.signature }]);
  const message = new Writer();
  const kind = kinds.indexOf('call') + 1;
  message.values('yyyyuu', [littleEndian, kind, 0, protocolVersion, body.length, serial]);
  message.value('a(yv)', header);
  message.align(8);
  message.append(body.bytes());
  return message.bytes();
}

/**
 * Returns the length of the message at the start of `bytes`; undefined if the header is not complete yet.
 *
 * @throws MarshalError if `bytes` is not a message that this client supports
 */
export function messageLength(bytes: Uint8Array): number | undefined {
  if (bytes.length < fixedBytes) return undefined;
  if (bytes[0] !== littleEndian || bytes[3] !== protocolVersion) {
    throw new MarshalError('the bus sent data that is not a little-endian D-Bus message');
  }
  const bodyLength = new Reader(bytes, 4).value('u') as number;
  const fieldsLength = new Reader(bytes, 12).value('u') as number;
  const length = Math.ceil((fixedBytes + fieldsLength) / 8) * 8 + bodyLength;
  if (length > mostBytes)
    throw new MarshalError(`a message of ${length} bytes exceeds the limit of ${mostBytes}`);
  return length;
}

/** @param bytes - one complete message */
export function decodeMessage(bytes: Uint8Array): Message {
  const kind = kinds[(bytes[1] ?? 0) - 1];
  if (kind === undefined) throw new MarshalError(`unknown message type ${bytes[1]}`);
  const reader = new Reader(bytes, 12);
  const found = new Map<number, Value>();
  for (const entry of reader.value('a(yv)') as readonly Value[]) {
    const [code, variant] = entry as readonly [number, Variant];
    found.set(code, variant.value);
  }
  reader.align(8);
  const text = (code: number): string | undefined => {
    const value = found.get(code);
    return typeof value === 'string' ? value : undefined;
  };
  const replyTo = found.get(fields.replySerial);
  return {
    kind,
    path: text(fields.path),
    interface: text(fields.interface),
    member: text(fields.member),
    errorName: text(fields.errorName),
    replyTo: typeof replyTo === 'number' ? replyTo : undefined,
    body: reader.values(text(fields.signature) ?? ''),
  };
}

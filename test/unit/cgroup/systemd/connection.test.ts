// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { CallError, Connection } from '../../../../src/cgroup/systemd/connection.ts';
import { Writer } from '../../../../src/cgroup/systemd/marshal.ts';
import { decodeMessage, messageLength } from '../../../../src/cgroup/systemd/message.ts';
import type { Value, Variant } from '../../../../src/cgroup/systemd/types.ts';
import type { Binding } from '../../../../src/host/binding.d.ts';
import { utf8 } from '../../../../src/host/utf8.ts';

/** A message from the peer. */
function message(kind: number, fields: readonly [number, Variant][], signature = '', ...body: Value[]) {
  const content = new Writer();
  content.values(signature, body);
  const writer = new Writer();
  writer.values('yyyyuu', [0x6c, kind, 1, 1, content.length, 9]);
  const all = signature === '' ? fields : [...fields, [8, { signature: 'g', value: signature }] as const];
  writer.value('a(yv)', all as unknown as Value);
  writer.align(8);
  writer.append(content.bytes());
  return writer.bytes();
}

const text = (value: string): Variant => ({ signature: 's', value });
const replyTo = (serial: number): [number, Variant] => [5, { signature: 'u', value: serial }];

/** A machine with a socket peer that sends the result of `answer` for each message, a few bytes at a time. */
function peer(answer: (sent: Uint8Array) => readonly Uint8Array[]) {
  const waiting: number[] = [];
  const sent: Uint8Array[] = [];
  let nanoseconds = 0n;
  const binding: Partial<Binding> = {
    connectTo: () => 7,
    close: () => {},
    identity: () => ({ euid: 0 }) as ReturnType<Binding['identity']>,
    utf8,
    now: () => nanoseconds,
    send: (_, bytes) => {
      sent.push(bytes);
      for (const part of answer(bytes)) waiting.push(...part);
    },
    receive: (_, timeoutMs) => {
      if (waiting.length > 0) return Uint8Array.from(waiting.splice(0, 5));
      nanoseconds += BigInt(timeoutMs) * 1_000_000n;
      return undefined;
    },
  };
  return { binding: binding as Binding, sent };
}

const call = { path: '/x', interface: 'a.B', member: 'C', destination: 'a.B', signature: '', body: [] };

describe('a connection', () => {
  const authenticated = (sent: Uint8Array): readonly Uint8Array[] | undefined => {
    const line = String.fromCharCode(...sent);
    return line === '\0AUTH EXTERNAL 30\r\nBEGIN\r\n' ? [utf8('OK 1234\r\n')] : undefined;
  };

  it('returns the reply to its call and keeps earlier signals', () => {
    const signal = message(4, [[3, text('JobRemoved')]], 'us', 1, 'job');
    const other = message(2, [replyTo(99)]);
    const answer = message(2, [replyTo(1)], 's', 'yes');
    const { binding, sent } = peer(bytes => authenticated(bytes) ?? [signal, other, answer]);
    const connection = Connection.open(binding, '/socket');
    expect(connection.call(call)).toEqual(['yes']);
    const requested = sent.at(-1) as Uint8Array;
    expect(messageLength(requested)).toBe(requested.length);
    expect(decodeMessage(requested)).toMatchObject({ kind: 'call', member: 'C', path: '/x' });
    expect(connection.signal(({ member }) => member === 'JobRemoved', 10)?.body).toEqual([1, 'job']);
    expect(connection.signal(() => true, 10)).toBeUndefined();
  });

  it('throws an error reply under its name', () => {
    const { binding } = peer(
      bytes => authenticated(bytes) ?? [message(3, [[4, text('a.b.Exists')], replyTo(1)], 's', 'is there')],
    );
    const connection = Connection.open(binding, '/socket');
    const error = expect.objectContaining({ errorName: 'a.b.Exists', message: 'is there' });
    expect(() => connection.call(call)).toThrow(CallError);
    try {
      Connection.open(binding, '/socket').call(call);
    } catch (thrown) {
      expect(thrown).toEqual(error);
    }
  });

  it('fails after a timeout', () => {
    const { binding } = peer(bytes => authenticated(bytes) ?? []);
    expect(() => Connection.open(binding, '/socket').call(call)).toThrow('no reply to C');
    expect(() => Connection.open(peer(() => []).binding, '/socket')).toThrow('no reply');
  });

  it('authenticates with the credentials of the socket if the bus refuses the given user id', () => {
    const { binding } = peer(bytes => {
      const line = String.fromCharCode(...bytes);
      return [
        utf8(line.startsWith('\0AUTH EXTERNAL\r\nDATA') ? 'DATA\r\nOK 1\r\n' : 'REJECTED EXTERNAL\r\n'),
      ];
    });
    expect(() => Connection.open(binding, '/socket')).not.toThrow();
    const refusing = peer(() => [utf8('REJECTED EXTERNAL\r\n')]);
    expect(() => Connection.open(refusing.binding, '/socket')).toThrow('the peer refuses user 0');
  });
});

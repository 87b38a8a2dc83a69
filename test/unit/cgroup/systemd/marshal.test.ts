// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { Writer } from '../../../../src/cgroup/systemd/marshal.ts';
import { decodeMessage, encodeCall, messageLength } from '../../../../src/cgroup/systemd/message.ts';
import { completeTypes, MarshalError, type Value } from '../../../../src/cgroup/systemd/types.ts';
import { Reader, textOf } from '../../../../src/cgroup/systemd/unmarshal.ts';

function bytesOf(signature: string, ...values: Value[]): number[] {
  const writer = new Writer();
  writer.values(signature, values);
  return [...writer.bytes()];
}

describe('marshalling', () => {
  it('aligns each value to its size', () => {
    expect(bytesOf('yu', 1, 2)).toEqual([1, 0, 0, 0, 2, 0, 0, 0]);
    expect(bytesOf('yt', 1, 2n)).toEqual([1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0]);
    expect(bytesOf('yb', 1, true)).toEqual([1, 0, 0, 0, 1, 0, 0, 0]);
    expect(bytesOf('yq', 1, 0x0203)).toEqual([1, 0, 3, 2]);
  });

  it('writes strings with their length in bytes and a NUL', () => {
    expect(bytesOf('s', 'hé')).toEqual([3, 0, 0, 0, 0x68, 0xc3, 0xa9, 0]);
    expect(bytesOf('g', 'a{sv}')).toEqual([5, 0x61, 0x7b, 0x73, 0x76, 0x7d, 0]);
    expect(bytesOf('o', '/')).toEqual([1, 0, 0, 0, 0x2f, 0]);
  });

  it('excludes the padding before the first element from the length of an array', () => {
    expect(bytesOf('at', [5n])).toEqual([8, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0]);
    expect(bytesOf('at', [])).toEqual([0, 0, 0, 0, 0, 0, 0, 0]);
    expect(bytesOf('au', [])).toEqual([0, 0, 0, 0]);
  });

  it('writes a variant as its signature and its value', () => {
    expect(bytesOf('v', { signature: 'u', value: 7 })).toEqual([1, 0x75, 0, 0, 7, 0, 0, 0]);
  });

  it('refuses a value that does not match the signature', () => {
    const wrong: [string, Value][] = [
      ['u', -1],
      ['u', 2 ** 32],
      ['y', 256],
      ['t', 1n << 64n],
      ['i', 2 ** 31],
      ['u', 1.5],
      ['u', '1'],
      ['s', 1],
      ['s', 'a\0b'],
      ['b', 1],
      ['as', 'text'],
      ['(su)', ['one']],
      ['v', { signature: 'uu', value: 1 }],
    ];
    for (const [signature, value] of wrong) {
      expect(() => bytesOf(signature, value), signature).toThrow(MarshalError);
    }
    expect(() => bytesOf('ss', 'one')).toThrow('1 values');
    expect(() => bytesOf('z', 1)).toThrow('invalid signature: z');
  });

  it('decodes its own output', () => {
    const cases: [string, Value][] = [
      ['y', 255],
      ['b', false],
      ['n', -2],
      ['q', 65535],
      ['i', -(2 ** 31)],
      ['u', 2 ** 32 - 1],
      ['x', -(1n << 63n)],
      ['t', (1n << 64n) - 1n],
      ['d', 0.25],
      ['s', 'grüße 壺 🏺'],
      ['as', ['a', '', 'ccc']],
      ['a{sv}', [['key', { signature: 'a(st)', value: [['/dev/x', 5n]] }]]],
      ['(yv(s))', [1, { signature: 'v', value: { signature: 'b', value: true } }, ['x']]],
      ['aay', [[1, 2], [], [3]]],
    ];
    for (const [signature, value] of cases) {
      const writer = new Writer();
      // From an odd offset, so that all alignment differs.
      writer.value('y', 9);
      writer.value(signature, value);
      const reader = new Reader(writer.bytes());
      reader.value('y');
      expect(reader.value(signature), signature).toEqual(value);
      expect(reader.at).toBe(writer.length);
    }
  });

  it('never reads past the end', () => {
    const whole = bytesOf('a{sv}', [['key', { signature: 'as', value: ['one', 'two'] }]]);
    for (let length = 0; length < whole.length; length++) {
      expect(() => new Reader(Uint8Array.from(whole.slice(0, length))).value('a{sv}')).toThrow(MarshalError);
    }
    expect(() => new Reader(Uint8Array.from([200, 0, 0, 0, 1])).value('as')).toThrow('longer');
  });

  it('cuts a signature into its types', () => {
    expect(completeTypes('ssa(sv)a(sa(sv))')).toEqual(['s', 's', 'a(sv)', 'a(sa(sv))']);
    expect(() => completeTypes('a')).toThrow(MarshalError);
    expect(() => completeTypes('(s')).toThrow(MarshalError);
  });

  it('decodes invalid UTF-8 without failure', () => {
    expect(textOf(Uint8Array.from([0x61, 0x80, 0xc3, 0x28, 0xff]))).toBe('a\ufffd\ufffd(\ufffd');
  });
});

describe('a message', () => {
  const call = {
    path: '/org/freedesktop/systemd1',
    interface: 'org.freedesktop.systemd1.Manager',
    member: 'StopUnit',
    destination: 'org.freedesktop.systemd1',
    signature: 'ss',
    body: ['a.scope', 'replace'],
  };

  it('has header, fields and body at the specified offsets', () => {
    const bytes = encodeCall(call, 3);
    expect([...bytes.subarray(0, 4)]).toEqual([0x6c, 1, 0, 1]);
    expect(messageLength(bytes)).toBe(bytes.length);
    expect(messageLength(bytes.subarray(0, 15))).toBeUndefined();
    expect(decodeMessage(bytes)).toMatchObject({
      kind: 'call',
      path: call.path,
      interface: call.interface,
      member: 'StopUnit',
      body: call.body,
    });
  });

  it('is refused with another byte order or a length above the maximum', () => {
    expect(() => messageLength(Uint8Array.from([0x42, ...new Array(15).fill(0)]))).toThrow(
      'not a little-endian D-Bus message',
    );
    const huge = encodeCall(call, 1);
    huge.set([255, 255, 255, 255], 4);
    expect(() => messageLength(huge)).toThrow('bytes');
  });
});

// SPDX-License-Identifier: Apache-2.0
import { expect, test } from 'vitest';
import { decodeResponse, encodeRequest } from '../../../src/criu/messages.ts';
import { Fields } from '../../../src/criu/protobuf.ts';
import { utf8 } from '../../../src/host/utf8.ts';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'hex'));

// The bytes are those of protoc --encode with the messages of criu's rpc.proto.
test('encodes a dump like protoc', () => {
  const request = encodeRequest(
    {
      type: 'dump',
      options: {
        imagesDirFd: 5,
        pid: 123_456,
        leaveRunning: true,
        logFile: 'dump.log',
        pageServer: { address: '::1', port: 27_277 },
        root: '/ü',
        externalMounts: [
          { key: '/data', val: '/data' },
          { key: '/b', val: '/host/b' },
        ],
        manageCgroupsMode: 0,
        external: ['net[4026532391]:extRootNetNS'],
        emptyNamespaces: 0x40000000,
        networkLock: 3,
      },
    },
    utf8,
  );
  expect(hex(request)).toBe(
    '0801126f080510c0c4071801520864756d702e6c6f675a090a033a3a31108dd5016a032fc3bcba010e0a052f6461746112052f64617461ba010d0a022f6212072f686f73742f62900200aa021c6e65745b343032363533323339315d3a657874526f6f744e65744e53b0028080808004800403',
  );
});

test('encodes the answer to a notification and a negative number like protoc', () => {
  expect(hex(encodeRequest({ type: 'notify', notifySuccess: true }, utf8))).toBe('08061801');
  expect(hex(encodeRequest({ type: 'dump', options: { imagesDirFd: -1 } }, utf8))).toBe(
    '0801120b08ffffffffffffffffff01',
  );
});

test('decodes responses that protoc has encoded', () => {
  expect(decodeResponse(bytes('08021001220308e724'))).toEqual({
    type: 2,
    success: true,
    pid: 4711,
    errno: 0,
  });
  expect(decodeResponse(bytes('080610012a150a1073657475702d6e616d6573706163657310ac02'))).toEqual({
    type: 6,
    success: true,
    notify: { script: 'setup-namespaces', pid: 300 },
    errno: 0,
  });
  expect(decodeResponse(bytes('0801100038344a0d6e6f2073756368206d6f756e74'))).toEqual({
    type: 1,
    success: false,
    errno: 52,
    message: 'no such mount',
  });
  expect(decodeResponse(bytes('080a10015206080410022001'))).toEqual({
    type: 10,
    success: true,
    errno: 0,
    version: 40_201,
  });
  expect(decodeResponse(bytes('08091001420408011000'))).toEqual({
    type: 9,
    success: true,
    errno: 0,
    features: { memoryTracking: true, lazyPages: false },
  });
});

test('refuses bytes that are not a message', () => {
  expect(() => new Fields(bytes('08'))).toThrow('a message ends within a number');
  expect(() => new Fields(bytes('1205'))).toThrow('a message ends within a field');
  expect(() => new Fields(bytes('0b'))).toThrow('a field of a message has the type 3');
  expect(() => new Fields(bytes(`08${'ff'.repeat(10)}01`))).toThrow('longer than 64 bits');
});

test('skips fields of unknown types, and keeps negative numbers', () => {
  const fields = new Fields(bytes('0d00000000110000000000000000' + '38ffffffffffffffffff01'));
  expect(fields.number(7)).toBe(-1);
  expect(fields.number(1)).toBeUndefined();
  expect(fields.text(7)).toBeUndefined();
});

// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { isRuntimeError } from '../../../src/errors/error.ts';
import { type Address, parseAddress } from '../../../src/network/cidr.ts';
import {
  collide,
  parsePublished,
  parsePublishFlags,
  portElements,
  publishedText,
} from '../../../src/network/publish.ts';

const address = (text: string) => parseAddress(text) as Address;
const container = { ipv4: address('10.63.0.5'), ipv6: address('fd00::5') };

describe('a published port', () => {
  it.each([
    ['8800:80', '8800:80/tcp'],
    ['127.0.0.1:8800:80', '127.0.0.1:8800:80/tcp'],
    ['[::1]:5353:53/udp', '[::1]:5353:53/udp'],
    ['0.0.0.0:80:80', '0.0.0.0:80:80/tcp'],
    ['9000-9999:9000-9999', '9000-9999:9000-9999/tcp'],
    ['9000-9002:80-82/udp', '9000-9002:80-82/udp'],
    ['65535:1', '65535:1/tcp'],
  ])('%s means %s', (value, text) => {
    expect(publishedText(parsePublished(value))).toBe(text);
    expect(publishedText(parsePublished(text))).toBe(text);
  });

  it.each([
    ['', 'the value is empty'],
    ['80', 'the port of the host is missing in "80"'],
    ['0:80', 'the port of the host is 0, not from 1 to 65535'],
    ['8800:65536', 'the port of the container is 65536, not from 1 to 65535'],
    ['80:', 'invalid port of the container ""'],
    [':80', 'invalid port of the host ""'],
    ['a:b', 'invalid port of the host "a"'],
    ['1.2.3:80:80', 'invalid address "1.2.3"'],
    ['[127.0.0.1:80:80', 'invalid address "[127.0.0.1"'],
    ['::1:80:80', 'invalid address "::1"'],
    ['[192.0.2.1]:80:80', 'invalid address "192.0.2.1"'],
    [':80:80', 'invalid address ""'],
    ['80:80/sctp', 'unknown protocol "sctp"'],
    ['80:80/', 'unknown protocol ""'],
    ['9000-9009:9000-9001', '10 ports of the host and 2 of the container'],
    ['9009-9000:80', 'the range 9009-9000 of the host ends before it starts'],
  ])('%j is refused', (value, message) => {
    let thrown: unknown;
    try {
      parsePublished(value);
    } catch (error) {
      thrown = error;
    }
    expect(isRuntimeError(thrown) ? thrown.fields() : thrown).toMatchObject({
      code: 'usage.publish',
      document: '--publish',
      value,
    });
    expect((thrown as Error).message).toContain(message);
  });

  it('is refused if it makes more ports than a keeper can hold', () => {
    expect(parsePublishFlags(['1-4096:1-4096'])).toHaveLength(1);
    expect(() => parsePublishFlags(['1-4096:1-4096', '5000:5000'])).toThrow('4097 ports: at most 4096');
  });
});

describe('two published ports', () => {
  it.each([
    ['80:1', '80:2', true],
    ['80:1', '81:1', false],
    ['80:1', '80:1/udp', false],
    ['80-89:1-10', '89:1', true],
    ['80-89:1-10', '90:1', false],
    ['127.0.0.1:80:1', '192.0.2.1:80:1', false],
    ['127.0.0.1:80:1', '0.0.0.0:80:1', true],
    ['127.0.0.1:80:1', '80:1', true],
    ['127.0.0.1:80:1', '[::]:80:1', false],
    ['[::1]:80:1', '[::]:80:1', true],
  ])('%s and %s: %s', (one, other, expected) => {
    expect(collide(parsePublished(one), parsePublished(other))).toBe(expected);
    expect(collide(parsePublished(other), parsePublished(one))).toBe(expected);
  });
});

describe('the elements of published ports', () => {
  const setsOf = (value: string) => portElements([parsePublished(value)], container).map(({ set }) => set);

  it('are one for each family if a range keeps its numbers, otherwise one for each port', () => {
    expect(setsOf('9000-9999:9000-9999')).toEqual(['ranges', 'ranges6']);
    expect(setsOf('9000-9002:80-82')).toEqual(['ports', 'ports', 'ports', 'ports6', 'ports6', 'ports6']);
    expect(setsOf('127.0.0.1:80:80')).toEqual(['ports_at']);
    expect(setsOf('0.0.0.0:80:80')).toEqual(['ports']);
    expect(setsOf('[2001:db8::1]:80-81:80-81')).toEqual(['ranges6_at']);
  });

  it('have protocol and port in the key, and the address of the container as the value', () => {
    const [element] = portElements([parsePublished('192.0.2.1:8800:80/udp')], container);
    expect(element?.key).toEqual([192, 0, 2, 1, 17, 0, 0, 0, 0x22, 0x60, 0, 0]);
    expect(element?.data).toEqual([10, 63, 0, 5, 0, 80, 0, 0]);
  });
});

// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import {
  bytesOf,
  contains,
  formatAddress,
  formatSubnet,
  overlap,
  parseAddress,
  parseSubnet,
  type Subnet,
} from '../../../src/network/cidr.ts';

const address = (text: string) => parseAddress(text) ?? { family: 4 as const, value: -1n };
const subnet = (text: string): Subnet => parseSubnet(text) ?? { family: 4, value: -1n, prefix: 0 };

describe('an address', () => {
  it.each([
    ['0.0.0.0', '0.0.0.0'],
    ['255.255.255.255', '255.255.255.255'],
    ['::', '::'],
    ['::1', '::1'],
    ['fd00::', 'fd00::'],
    ['1:0:0:2:0:0:0:3', '1:0:0:2::3'],
    ['2001:DB8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['::ffff:192.0.2.1', '::ffff:c000:201'],
    ['1:2:3:4:5:6:7::', '1:2:3:4:5:6:7:0'],
  ])('%s is written %s', (text, canonical) => {
    expect(formatAddress(address(text))).toBe(canonical);
  });

  it.each([
    ...['', '1.2.3', '1.2.3.4.5', '256.1.1.1', '010.1.1.1', '1.2.3.4 ', '-1.2.3.4'],
    ...[
      ':',
      ':::',
      '1::2::3',
      '1:2:3:4:5:6:7',
      '1:2:3:4:5:6:7:8:9',
      '1:2:3:4:5:6:7::8',
      '12345::',
      'g::',
      'fe80::1%eth0',
    ],
    ...['1.2.3.4::', '::1.2.3.4:5', '::1.2.3'],
  ])('is not %j', text => {
    expect(parseAddress(text)).toBeUndefined();
  });

  it('has its bytes in network order', () => {
    expect(bytesOf(address('10.63.0.7'))).toEqual([10, 63, 0, 7]);
    expect(bytesOf(address('fd00::7'))).toEqual([0xfd, ...Array<number>(14).fill(0), 7]);
  });
});

describe('a subnet', () => {
  it('starts at its first address', () => {
    expect(formatSubnet(subnet('10.63.4.0/22'))).toBe('10.63.4.0/22');
    for (const text of [
      '10.63.5.0/22',
      '10.0.0.0/33',
      'fd00::1/64',
      'fd00::/129',
      '10.0.0.0',
      '/8',
      '10.0.0.0/',
    ]) {
      expect(parseSubnet(text)).toBeUndefined();
    }
  });

  it('contains its addresses and no others', () => {
    expect(contains(subnet('10.63.4.0/22'), address('10.63.7.255'))).toBe(true);
    expect(contains(subnet('10.63.4.0/22'), address('10.63.8.0'))).toBe(false);
    expect(contains(subnet('0.0.0.0/0'), address('::1'))).toBe(false);
  });

  it('overlaps a smaller one in it, a larger one around it, and not its neighbour', () => {
    expect(overlap(subnet('10.0.0.0/8'), subnet('10.63.0.0/22'))).toBe(true);
    expect(overlap(subnet('10.63.0.0/22'), subnet('10.0.0.0/8'))).toBe(true);
    expect(overlap(subnet('10.63.0.0/22'), subnet('10.63.4.0/22'))).toBe(false);
  });
});

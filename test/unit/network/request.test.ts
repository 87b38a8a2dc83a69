// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { formatAddress } from '../../../src/network/cidr.ts';
import { formatMac, isInterfaceName, isNetworkName, parseMac } from '../../../src/network/names.ts';
import { defaultRequest, parseNetworkFlags } from '../../../src/network/request.ts';
import { thrown } from '../../helpers/fake-machine.ts';

describe('the value of --network', () => {
  it('is a name, or a name with addresses, a hardware address, an interface and aliases', () => {
    const value = 'web:ip=10.20.0.9,ip=fd00:9::9,mac=02:11:22:33:44:ff,interface=lan0,alias=www,alias=w3';
    const [web, lab] = parseNetworkFlags([value, 'lab']);
    expect({ ...web, addresses: web?.addresses.map(formatAddress) }).toEqual({
      name: 'web',
      addresses: ['10.20.0.9', 'fd00:9::9'],
      mac: [2, 0x11, 0x22, 0x33, 0x44, 0xff],
      interface: 'lan0',
      aliases: ['www', 'w3'],
      origin: '--network',
    });
    expect(lab).toEqual({ name: 'lab', addresses: [], aliases: [], origin: '--network' });
  });

  it.each([
    ['', 'invalid network name ""'],
    ['../web', 'invalid network name "../web"'],
    ['web:', 'unknown key "" of a network'],
    ['web:address=10.20.0.9', 'unknown key "address" of a network'],
    ['web:ip', 'invalid address ""'],
    ['web:ip=10.20.0', 'invalid address "10.20.0"'],
    ['web:ip=10.20.0.9,ip=10.20.0.8', 'two IPv4 addresses: 10.20.0.8 is the second'],
    ['web:mac=02:11', 'invalid hardware address "02:11"'],
    ['web:mac=01:11:22:33:44:55', 'invalid hardware address "01:11:22:33:44:55"'],
    ['web:interface=a/b', 'invalid interface name "a/b"'],
    ['web:alias=a b', 'invalid alias "a b"'],
  ])('%j is refused', (value, message) => {
    expect(thrown(() => parseNetworkFlags([value]))).toMatchObject({
      code: 'usage.network',
      document: '--network',
      value,
      message,
    });
  });

  it('is refused if two have one name or one interface, or if there are too many', () => {
    expect(thrown(() => parseNetworkFlags(['web', 'web:alias=a']))).toMatchObject({
      code: 'usage.network',
      value: 'web',
      message: 'the network web is given twice',
    });
    expect(thrown(() => parseNetworkFlags(['web:interface=a', 'lab:interface=a']))).toMatchObject({
      value: 'a',
      message: 'two networks have the interface a',
    });
    const names = Array.from({ length: 33 }, (_, index) => `n${index}`);
    expect(parseNetworkFlags(names.slice(1))).toHaveLength(32);
    expect(thrown(() => parseNetworkFlags(names))).toMatchObject({
      message: '33 networks: at most 32 are supported',
    });
  });

  it('is the default network for published ports alone', () => {
    expect(defaultRequest('--publish')).toEqual({
      name: 'default',
      addresses: [],
      aliases: [],
      origin: '--publish',
    });
  });
});

describe('a name', () => {
  it.each([
    ['web', true, true],
    ['a-name-of-16-char', true, false],
    ['.', false, false],
    ['..', false, false],
    ['.hidden', false, true],
    ['a:b', false, false],
    ['', false, false],
    ['n'.repeat(64), true, false],
    ['n'.repeat(65), false, false],
  ])('%j of a network: %s, of an interface: %s', (name, network, device) => {
    expect([isNetworkName(name), isInterfaceName(name)]).toEqual([network, device]);
  });

  it('of hardware is read and written', () => {
    expect(formatMac(parseMac('02:0A:00:ff:00:01') ?? [])).toBe('02:0a:00:ff:00:01');
    expect(parseMac('02-0a-00-ff-00-01')).toBeUndefined();
  });
});

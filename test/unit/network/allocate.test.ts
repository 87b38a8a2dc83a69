// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import type { NetworkFacts } from '../../../src/host/binding.d.ts';
import { addressesAt, capacity, nextOffset } from '../../../src/network/allocate.ts';
import {
  formatAddress,
  formatSubnet,
  parseAddress,
  parseSubnet,
  type Subnet,
} from '../../../src/network/cidr.ts';
import { type NetworkDefinition, parseDefinition } from '../../../src/network/definition.ts';
import { defaultMtu, nameServersOf, usedSubnets } from '../../../src/network/machine.ts';
import { chooseIpv4, chooseIpv6, userOf } from '../../../src/network/subnet-choice.ts';

const subnet = (text: string) => parseSubnet(text) as Subnet;
const address = (text: string) => parseAddress(text) ?? { family: 4 as const, value: 0n };

const network: NetworkDefinition = {
  version: 1,
  name: 'default',
  bridge: 'tsubo0',
  ipv4: { subnet: '10.63.0.0/22', gateway: '10.63.0.1' },
  ipv6: { subnet: 'fd00:1::/64', gateway: 'fd00:1::1' },
  internal: false,
  isolated: false,
};

describe('the next address', () => {
  const next = (text: string, gateway: string, previous: bigint) =>
    nextOffset(subnet(text), address(gateway), previous);

  it('follows the previous one, starts again at the end, and is never that of the gateway', () => {
    expect(next('10.0.0.0/29', '10.0.0.1', 0n)).toBe(2n);
    expect(next('10.0.0.0/29', '10.0.0.1', 2n)).toBe(3n);
    expect(next('10.0.0.0/29', '10.0.0.1', 6n)).toBe(2n);
    expect(next('10.0.0.0/29', '10.0.0.6', 5n)).toBe(1n);
    expect(next('10.0.0.0/29', '10.0.0.1', 99n)).toBe(2n);
  });

  it('reaches every host address but the gateway', () => {
    const seen = new Set<bigint>();
    let offset = 0n;
    for (let round = 0n; round < capacity(subnet('10.0.0.0/28')); round++) {
      offset = next('10.0.0.0/28', '10.0.0.7', offset);
      seen.add(offset);
    }
    expect([...seen].sort((a, b) => Number(a - b))).toEqual([
      1n,
      2n,
      3n,
      4n,
      5n,
      6n,
      8n,
      9n,
      10n,
      11n,
      12n,
      13n,
      14n,
    ]);
  });

  it('of IPv6 is at the same distance as that of IPv4', () => {
    const { ipv4, ipv6 } = addressesAt(network, 258n);
    expect(formatAddress(ipv4)).toBe('10.63.1.2');
    expect(ipv6 === undefined ? '' : formatAddress(ipv6)).toBe('fd00:1::102');
  });
});

const facts: NetworkFacts = {
  links: [
    { index: 1, name: 'lo', kind: '', mtu: 65536, master: 0, up: true },
    { index: 2, name: 'wan', kind: '', mtu: 1420, master: 0, up: true },
    { index: 3, name: 'lan', kind: '', mtu: 9000, master: 0, up: true },
  ],
  addresses: [{ address: '10.63.4.9', prefix: 24, link: 3 }],
  routes: [
    { destination: '0.0.0.0', prefix: 0, link: 3, metric: 200 },
    { destination: '0.0.0.0', prefix: 0, link: 2, metric: 100 },
    { destination: '10.63.0.0', prefix: 24, link: 2, metric: 0 },
  ],
};

describe('a subnet for a new network', () => {
  it('overlaps no route, no address and no name server', () => {
    const servers = nameServersOf(
      '# nameserver 1.1.1.1\nnameserver 10.63.9.53\n nameserver fe80::1%wan\nsearch x\n',
    );
    expect(servers.map(formatAddress)).toEqual(['10.63.9.53', 'fe80::1']);
    const used = usedSubnets(facts, servers);
    expect(userOf(subnet('10.63.0.0/22'), used)).toBe('the route 10.63.0.0/24 to wan');
    expect(userOf(subnet('10.63.4.0/22'), used)).toBe('the address 10.63.4.9/24 of lan');
    expect(userOf(subnet('10.63.8.0/22'), used)).toBe('a name server of /etc/resolv.conf');
    const chosen = chooseIpv4(used);
    expect(chosen === undefined ? '' : formatSubnet(chosen)).toBe('10.63.12.0/22');
  });

  it('is in another range if a VPN has the whole of 10.0.0.0/8, and there is none if all are taken', () => {
    const vpn = { subnet: subnet('10.0.0.0/8'), by: 'a route' };
    const chosen = chooseIpv4([vpn]);
    expect(chosen === undefined ? '' : formatSubnet(chosen)).toBe('172.24.0.0/22');
    expect(chooseIpv4([{ subnet: subnet('0.0.0.0/0'), by: 'everything' }])).toBeUndefined();
  });

  it('of IPv6 is unique to the machine and the network', () => {
    const one = formatSubnet(chooseIpv6('machine', 'default', []));
    expect(one).toMatch(/^fd[0-9a-f:]+::\/64$/);
    expect(formatSubnet(chooseIpv6('machine', 'default', []))).toBe(one);
    expect(formatSubnet(chooseIpv6('machine', 'web', []))).not.toBe(one);
    expect(formatSubnet(chooseIpv6('other', 'default', []))).not.toBe(one);
    expect(formatSubnet(chooseIpv6('machine', 'default', [{ subnet: subnet(one), by: '' }]))).not.toBe(one);
  });
});

describe('the MTU of a new bridge', () => {
  it('is that of the default route with the lowest metric, or 1500', () => {
    expect(defaultMtu(facts)).toBe(1420);
    expect(defaultMtu({ ...facts, routes: [] })).toBe(1500);
    const ipv6 = [{ destination: '::', prefix: 0, link: 3, metric: 1024 }];
    expect(defaultMtu({ ...facts, routes: ipv6 })).toBe(9000);
  });
});

describe('the definition of a network', () => {
  const parsed = (change: object) => parseDefinition(JSON.stringify({ ...network, ...change }), 'default');

  it('is read as it was written', () => {
    expect(parsed({})).toEqual(network);
  });

  it.each([
    ['cut short', '', 'it is empty'],
    ['cut in the middle', '{"version":1,', 'it is not JSON'],
    ['a list', '[]', '/version must be 1'],
    ['no object', 'null', 'it is not a JSON object'],
  ])('is not %s', (_, text, fault) => {
    expect(parseDefinition(text, 'default')).toBe(fault);
  });

  it.each([
    [{ version: 2 }, '/version must be 1'],
    [{ name: 'web' }, '/name must be "default"'],
    [{ bridge: 'a bridge' }, '/bridge must be an interface name'],
    [{ bridge: 'sixteen-letters.' }, '/bridge must be an interface name'],
    [{ internal: 1 }, '/internal must be true or false'],
    [{ mtu: 67 }, '/mtu must be from 68 to 65535'],
    [{ ipv4: undefined }, '/ipv4/subnet must be an IPv4 subnet'],
    [{ ipv4: network.ipv6 }, '/ipv4/subnet must be an IPv4 subnet'],
    [
      { ipv4: { subnet: '10.63.0.0/22', gateway: '10.63.4.1' } },
      '/ipv4/gateway must be a host address of the subnet',
    ],
    [
      { ipv6: { subnet: 'fd00::/64', gateway: 'fd00::' } },
      '/ipv6/gateway must be a host address of the subnet',
    ],
  ])('with %j is refused', (change, fault) => {
    expect(parsed(change)).toBe(fault);
  });
});

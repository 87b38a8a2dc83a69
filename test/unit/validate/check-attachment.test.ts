// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { formatAddress } from '../../../src/network/cidr.ts';
import { checkAttachment } from '../../../src/validate/check-attachment.ts';

const check = (document: unknown) => checkAttachment(document, pointer => `FILE ${pointer}`);
const network = { name: 'web' };
const port = { hostPort: 8800, containerPort: 80 };

describe('the document of an attachment', () => {
  it('has all that --network and --publish can request, and the name servers', () => {
    const { attachment, problems, warnings } = check({
      networks: [
        {
          name: 'web',
          interface: 'lan0',
          addresses: ['10.20.0.9', 'fd00:9::9'],
          mac: '02:11:22:33:44:ff',
          aliases: ['www'],
        },
        { name: 'lab' },
      ],
      ports: [
        { hostPort: 8800, containerPort: 80 },
        { protocol: 'udp', hostAddress: '::1', hostPort: 5000, containerPort: 6000, count: 3 },
      ],
      dns: { servers: ['192.0.2.53'], search: ['example.org'], options: ['ndots:2'] },
    });
    expect([problems, warnings]).toEqual([[], []]);
    const [web, lab] = attachment?.networks ?? [];
    expect({ ...web, addresses: web?.addresses.map(formatAddress) }).toEqual({
      name: 'web',
      addresses: ['10.20.0.9', 'fd00:9::9'],
      mac: [2, 0x11, 0x22, 0x33, 0x44, 0xff],
      interface: 'lan0',
      aliases: ['www'],
      origin: 'FILE /networks/0',
    });
    expect(lab).toEqual({ name: 'lab', addresses: [], aliases: [], origin: 'FILE /networks/1' });
    expect(attachment?.ports).toEqual([
      { protocol: 'tcp', hostPort: 8800, containerPort: 80, count: 1, origin: 'FILE /ports/0' },
      {
        protocol: 'udp',
        address: { family: 6, value: 1n },
        hostPort: 5000,
        containerPort: 6000,
        count: 3,
        origin: 'FILE /ports/1',
      },
    ]);
    expect(attachment?.dns).toEqual({
      servers: ['192.0.2.53'],
      search: ['example.org'],
      options: ['ndots:2'],
    });
  });

  it.each([
    ['a network without a name', { networks: [{}] }, '/networks/0/name', '/networks/0/name is missing'],
    ['a bad name', { networks: [{ name: '../web' }] }, '/networks/0/name', 'invalid network name "../web"'],
    [
      'an interface name of 16 characters',
      { networks: [{ ...network, interface: 'eth0123456789abc' }] },
      '/networks/0/interface',
      'invalid interface name "eth0123456789abc"',
    ],
    [
      'an address with a prefix',
      { networks: [{ ...network, addresses: ['10.20.0.9/24'] }] },
      '/networks/0/addresses/0',
      'invalid address "10.20.0.9/24"',
    ],
    [
      'two addresses of one family',
      { networks: [{ ...network, addresses: ['10.20.0.9', '10.20.0.8'] }] },
      '/networks/0/addresses/1',
      'two IPv4 addresses: 10.20.0.8 is the second',
    ],
    [
      'a multicast hardware address',
      { networks: [{ ...network, mac: '01:11:22:33:44:55' }] },
      '/networks/0/mac',
      'invalid hardware address "01:11:22:33:44:55"',
    ],
    [
      'an alias with a blank',
      { networks: [{ ...network, aliases: ['a', 'b c'] }] },
      '/networks/0/aliases/1',
      'invalid alias "b c"',
    ],
    [
      'one network twice',
      { networks: [network, network] },
      '/networks/1/name',
      'the network web is listed twice',
    ],
    [
      'one interface twice',
      {
        networks: [
          { ...network, interface: 'a' },
          { name: 'lab', interface: 'a' },
        ],
      },
      '/networks/1/interface',
      'two networks have the interface a',
    ],
    [
      '33 networks',
      { networks: Array.from({ length: 33 }, (_, index) => ({ name: `n${index}` })) },
      '/networks',
      '33 networks: at most 32 are supported',
    ],
    [
      'port 0',
      { ports: [{ ...port, hostPort: 0 }] },
      '/ports/0/hostPort',
      '/ports/0/hostPort must be from 1 to 65535, not 0',
    ],
    [
      'a missing port',
      { ports: [{ hostPort: 80 }] },
      '/ports/0/containerPort',
      '/ports/0/containerPort is missing',
    ],
    [
      'a port as text',
      { ports: [{ ...port, hostPort: '80' }] },
      '/ports/0/hostPort',
      '/ports/0/hostPort must be a whole number, not the string "80"',
    ],
    [
      'sctp',
      { ports: [{ ...port, protocol: 'sctp' }] },
      '/ports/0/protocol',
      '/ports/0/protocol is "sctp", which is not an allowed value',
    ],
    [
      'a bad host address',
      { ports: [{ ...port, hostAddress: '[::1]' }] },
      '/ports/0/hostAddress',
      'invalid address "[::1]"',
    ],
    [
      'a range past the last port',
      { ports: [{ hostPort: 65_000, containerPort: 80, count: 1000 }] },
      '/ports/0/count',
      '1000 ports from 65000 on end at 65999, not at most at 65535',
    ],
    [
      'more than 4096 ports',
      { ports: [{ ...port, count: 4097 }] },
      '/ports',
      '4097 ports: at most 4096 are supported',
    ],
    ['dns without a network', { dns: {} }, '/dns', 'dns is given without a network'],
    [
      'a name as a name server',
      { networks: [network], dns: { servers: ['dns.example'] } },
      '/dns/servers/0',
      'invalid address "dns.example"',
    ],
    [
      'two domains in one string',
      { networks: [network], dns: { search: ['a b'] } },
      '/dns/search/0',
      'invalid word "a b" for resolv.conf',
    ],
    [
      'a line end in an option',
      { networks: [network], dns: { options: ['a\nnameserver'] } },
      '/dns/options/0',
      'invalid word "a\\nnameserver" for resolv.conf',
    ],
    ['a list in the place of the object', [], '', 'the network config must be an object, not a list'],
  ])('is refused with %s', (_, document, pointer, message) => {
    const { attachment, problems } = check(document);
    expect(attachment).toBeUndefined();
    expect(problems.map(problem => [problem.pointer, problem.message])).toEqual([[pointer, message]]);
    expect(problems[0]?.spec).toBeUndefined();
  });

  it('is refused with all of its problems', () => {
    const { problems } = check({
      networks: [{ name: '', mac: 'x' }],
      ports: [{ ...port, hostAddress: 'a' }],
      dns: { servers: [''] },
    });
    expect(problems.map(({ pointer, code }) => [pointer, code])).toEqual([
      ['/networks/0/name', 'config.attachment'],
      ['/networks/0/mac', 'config.attachment'],
      ['/ports/0/hostAddress', 'config.attachment'],
      ['/dns/servers/0', 'config.attachment'],
    ]);
  });

  it('is refused with an unknown property, because a misspelled address would open a port on all addresses', () => {
    const { attachment, problems } = check({ networks: [network], ports: [{ ...port, hostAdress: '::1' }] });
    expect(attachment).toBeUndefined();
    expect(problems).toMatchObject([
      {
        code: 'config.attachment',
        pointer: '/ports/0/hostAdress',
        message: '/ports/0/hostAdress is not a known property',
        hint: 'did you mean hostAddress?',
      },
    ]);
  });

  it('gets a warning for a property in another spelling beside the right one', () => {
    const { attachment, warnings } = check({ networks: [network], ports: [{ ...port, HostPort: 9 }] });
    expect(attachment?.ports.map(({ hostPort }) => hostPort)).toEqual([8800]);
    expect(warnings).toMatchObject([{ code: 'config.repeated-property', pointer: '/ports/0/HostPort' }]);
  });
});

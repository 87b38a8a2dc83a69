// SPDX-License-Identifier: Apache-2.0
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { main } from '../../../src/cli/main.ts';
import { errno } from '../../../src/errors/errno.ts';
import { type FakeMachine, machineForEachTest } from '../../helpers/fake-machine.ts';

let machine: FakeMachine;
machineForEachTest(made => {
  machine = made;
  machine.environment.set('TSUBO_NETWORKS', file(''));
  machine.procFiles.set('/etc/resolv.conf', 'nameserver 192.0.2.53\n');
  machine.procFiles.set('/etc/machine-id', 'machine\n');
  machine.procFiles.set('/proc/sys/net/ipv4/ip_forward', '1\n');
  machine.procFiles.set('/proc/sys/net/ipv6/conf/all/forwarding', '1\n');
  machine.procFiles.set('/proc/sys/net/ipv6/conf/default/disable_ipv6', '1\n');
});

const file = (name: string) => join(machine.directory, 'networks', name);
const hex = (text: string) => Buffer.from(text.padEnd(16, '\0')).toString('hex');

function network(...words: string[]): number {
  machine.arguments = ['tsubo', '--root', machine.root, '--log-format', 'json', 'network', ...words];
  machine.stdout = '';
  machine.stderr = '';
  return main(machine.binding);
}

/** Standard output of a command that succeeds. */
function output(...words: string[]): string {
  const status = network(...words);
  expect([status, status === 0 ? '' : machine.stderr]).toEqual([0, '']);
  return machine.stdout;
}

const reports = () =>
  machine.stderr
    .split('\n')
    .filter(line => line !== '')
    .map(line => JSON.parse(line) as Record<string, unknown>);
const warnings = () => reports().map(({ msg }) => msg);

/** The report of a command that fails. */
function refusal(...words: string[]): Record<string, unknown> {
  expect(network(...words)).toBe(1);
  return reports().find(({ level }) => level === 'error') ?? {};
}

function write(name: string, text: string): void {
  mkdirSync(dirname(file(name)), { recursive: true });
  writeFileSync(file(name), text);
}

/** Takes an address for a container, which is being made or does not exist. */
function take(network: string, address: string, id: string): void {
  write(`state/${network}/addresses/${address}`, join(machine.root, id));
}

const definition = (name: string) => JSON.parse(readFileSync(file(`definitions/${name}.json`), 'utf8'));

describe('network create', () => {
  it('stores the definition, makes the bridge and puts it into the sets of the table', () => {
    expect(output('create', '--subnet', '10.20.0.0/24', 'web')).toBe('web\n');
    expect(definition('web')).toEqual({
      version: 1,
      name: 'web',
      bridge: 'tsubo1',
      ipv4: { subnet: '10.20.0.0/24', gateway: '10.20.0.1' },
      internal: false,
      isolated: false,
    });
    expect(machine.network.binding.findLink('tsubo1')).toMatchObject({ kind: 'bridge', mtu: 1500 });
    expect(machine.network.addresses).toEqual([{ address: '10.20.0.1', prefix: 24, link: 2 }]);
    const bridge = hex('tsubo1');
    expect(machine.network.elements('nets')).toEqual([bridge]);
    expect(machine.network.elements('outgoing')).toEqual([bridge]);
    expect(machine.network.elements('same')).toEqual([bridge + bridge]);
    expect(machine.network.elements('local')).toEqual([`${bridge}0a140000-${bridge}0a1400ff`]);
    expect(machine.procWrites).toEqual([['/proc/sys/net/ipv4/conf/tsubo1/route_localnet', '1']]);
  });

  it('chooses subnets that nothing uses, and gives the bridge a link-local address', () => {
    machine.procFiles.set('/proc/sys/net/ipv6/conf/default/disable_ipv6', '0\n');
    machine.network.routes.push({ destination: '10.63.0.0', prefix: 22, link: 1, metric: 0 });
    output('create', 'web');
    const { ipv4, ipv6 } = definition('web');
    expect(ipv4).toEqual({ subnet: '10.63.4.0/22', gateway: '10.63.4.1' });
    expect(ipv6.subnet).toMatch(/^fd[0-9a-f:]+::\/64$/);
    expect(machine.network.addresses).toEqual([
      { address: '10.63.4.1', prefix: 22, link: 2 },
      { address: ipv6.gateway, prefix: 64, link: 2 },
      { address: 'fe80::74:aff:fe3f:401', prefix: 64, link: 2 },
    ]);
    expect(machine.network.elements('local6')).toHaveLength(1);
  });

  it('stores the values of its options in the definition', () => {
    const options = ['--subnet', '10.20.0.0/24', '--gateway', '10.20.0.9', '--subnet', 'fd00:9::/64'];
    output('create', ...options, '--mtu', '1400', '--bridge', 'br9', '--internal', '--isolated', 'lab');
    expect(definition('lab')).toEqual({
      version: 1,
      name: 'lab',
      bridge: 'br9',
      mtu: 1400,
      ipv4: { subnet: '10.20.0.0/24', gateway: '10.20.0.9' },
      ipv6: { subnet: 'fd00:9::/64', gateway: 'fd00:9::1' },
      internal: true,
      isolated: true,
    });
    expect(machine.network.binding.findLink('br9')).toMatchObject({ mtu: 1400 });
    expect(machine.network.elements('outgoing')).toEqual([]);
    expect(machine.network.elements('same')).toEqual([]);
  });

  it('takes the next free name for the bridge, and tsubo0 for the default network', () => {
    machine.network.addLink({ name: 'tsubo1' });
    expect(output('create', '--subnet', '10.20.0.0/24', 'web')).toBe('web\n');
    output('create', '--subnet', '10.21.0.0/24', 'lab');
    output('create', '--subnet', '10.22.0.0/24', 'default');
    expect(['web', 'lab', 'default'].map(name => definition(name).bridge)).toEqual([
      'tsubo2',
      'tsubo3',
      'tsubo0',
    ]);
  });

  it.each<[string[], object]>([
    [['bad/name'], { code: 'usage.bad-value', value: 'bad/name' }],
    [['--mtu', '67', 'web'], { code: 'usage.bad-value', value: '67' }],
    [['--subnet', '10.20.0.1/24', 'web'], { code: 'usage.bad-value', value: '10.20.0.1/24' }],
    [['--subnet', '10.20.0.0/31', 'web'], { code: 'usage.bad-value', value: '10.20.0.0/31' }],
    [['--gateway', 'gate', 'web'], { code: 'usage.bad-value', value: 'gate' }],
    [['--gateway', '192.0.2.1', 'web'], { code: 'usage.bad-value', value: '192.0.2.1' }],
    [
      ['--subnet', '10.20.0.0/24', '--gateway', '10.20.0.255', 'web'],
      { code: 'usage.bad-value', value: '10.20.0.255', hint: 'give a host address of 10.20.0.0/24' },
    ],
    [
      ['--subnet', '10.20.0.0/24', '--subnet', '10.21.0.0/24', 'web'],
      { code: 'usage.bad-value', value: '10.21.0.0/24', hint: 'give one subnet of IPv4' },
    ],
    [
      ['--no-ipv6', '--subnet', 'fd00:9::/64', 'web'],
      { code: 'usage.bad-value', value: 'fd00:9::/64', hint: 'remove it, or --no-ipv6' },
    ],
    [
      ['--no-ipv6', '--subnet', '10.20.0.0/24', '--gateway', 'fd00:9::1', 'web'],
      { code: 'usage.bad-value', value: 'fd00:9::1', hint: 'remove it, or --no-ipv6' },
    ],
    [
      ['--subnet', '10.20.0.0/24', '--gateway', 'fd00:9::1', 'web'],
      {
        code: 'usage.bad-value',
        value: 'fd00:9::1',
        hint: 'the network has no IPv6: give a --subnet of IPv6 too',
      },
    ],
    [
      ['--subnet', '10.20.0.0/24', '--gateway', '10.20.0.1', '--gateway', '10.20.0.2', 'web'],
      { code: 'usage.bad-value', value: '10.20.0.2', hint: 'give one gateway of IPv4' },
    ],
    [['--bridge', 'a-name-of-16-char', 'web'], { code: 'usage.bad-value', value: 'a-name-of-16-char' }],
    [
      ['--subnet', 'fd00:9::/64', '--mtu', '1279', 'web'],
      {
        code: 'usage.bad-value',
        value: '1279',
        hint: 'give --no-ipv6, or at least 1280, which IPv6 requires',
      },
    ],
    [['--bridge', 'lo', 'web'], { code: 'network.conflict', document: '--bridge', value: 'lo' }],
    [
      ['--subnet', '192.0.2.0/24', 'web'],
      { code: 'network.overlap', document: '--subnet', value: '192.0.2.0/24' },
    ],
  ])('refuses %j and changes nothing', (words, fields) => {
    expect(refusal('create', ...words)).toMatchObject(fields);
    expect(machine.network.links).toHaveLength(1);
    expect(existsSync(file('definitions'))).toBe(false);
    expect(machine.openLocks).toBe(0);
  });

  it('refuses the name, the bridge and the subnet of another network', () => {
    output('create', '--subnet', '10.20.0.0/24', 'web');
    expect(refusal('create', 'web')).toMatchObject({ code: 'network.exists', value: 'web' });
    expect(refusal('create', '--bridge', 'tsubo1', 'lab')).toMatchObject({
      code: 'network.exists',
      document: '--bridge',
      value: 'tsubo1',
    });
    machine.network.addresses = [];
    expect(refusal('create', '--subnet', '10.20.0.0/16', 'lab')).toMatchObject({
      code: 'network.overlap',
      msg: expect.stringContaining('overlaps network web (10.20.0.0/24)'),
    });
  });

  it('makes no network if every private subnet is in use', () => {
    machine.network.routes.push(
      { destination: '0.0.0.0', prefix: 1, link: 1, metric: 0 },
      { destination: '128.0.0.0', prefix: 1, link: 1, metric: 0 },
    );
    expect(refusal('create', 'web')).toMatchObject({
      code: 'network.overlap',
      hint: 'choose a subnet: tsubo network create --subnet SUBNET web',
    });
  });

  it('leaves no definition if the bridge cannot be made', () => {
    machine.trouble.set('makeBridge', errno.EOPNOTSUPP);
    expect(refusal('create', '--subnet', '10.20.0.0/24', 'web')).toMatchObject({
      code: 'host.syscall',
      errnoName: 'EOPNOTSUPP',
      hint: 'this kernel has no bridges (CONFIG_BRIDGE)',
    });
    expect(readdirSync(file('definitions'))).toEqual([]);
  });

  it.each([
    [errno.EOPNOTSUPP, 'host.unsupported'],
    [errno.EPERM, 'host.syscall'],
  ])('reports a table that the kernel refuses with error %i as %s', (error, code) => {
    machine.network.refusals.push(error, error);
    expect(refusal('create', '--subnet', '10.20.0.0/24', 'web')).toMatchObject({
      code,
      syscall: 'NFT_MSG_NEWTABLE',
      errno: error,
    });
    expect(readdirSync(file('definitions'))).toEqual([]);
  });

  it('turns forwarding on, reports it, and keeps the router advertisements of the host', () => {
    const conf = '/proc/sys/net/ipv6/conf';
    machine.procFiles.set('/proc/sys/net/ipv4/ip_forward', '0\n');
    machine.procFiles.set(`${conf}/all/forwarding`, '0\n');
    machine.procFiles.set(`${conf}/all/accept_ra`, '2\n');
    machine.procFiles.set(`${conf}/default/accept_ra`, '0\n');
    machine.procFiles.set(`${conf}/wan/accept_ra`, '1\n');
    machine.procFiles.set(`${conf}/lan/accept_ra`, '0\n');
    machine.procFiles.set(`${conf}/tsubo1/accept_ra`, '1\n');
    output('create', '--subnet', '10.20.0.0/24', '--subnet', 'fd00:9::/64', 'web');
    expect(machine.procWrites).toEqual([
      ['/proc/sys/net/ipv4/conf/tsubo1/route_localnet', '1'],
      [`${conf}/tsubo1/accept_ra`, '0'],
      [`${conf}/wan/accept_ra`, '2'],
      ['/proc/sys/net/ipv4/ip_forward', '1'],
      [`${conf}/all/forwarding`, '1'],
    ]);
    expect(warnings()).toEqual([
      `network web makes this host forward packets: it set /proc/sys/net/ipv4/ip_forward and ${conf}/all/forwarding to 1`,
    ]);
    expect(readFileSync(file('state/switched-on'), 'utf8')).toBe(
      `/proc/sys/net/ipv4/ip_forward 0\n${conf}/all/forwarding 0\n`,
    );
  });
});

describe('a chain of another program that drops forwarded packets', () => {
  it('is reported with the commands that open it, and allow-forward inserts a rule for each direction', () => {
    machine.network.addChain('ip', 'filter', 'FORWARD', true);
    machine.network.addChain('ip', 'filter', 'DOCKER-USER').rules.push(Uint8Array.of(1, 2));
    output('create', '--subnet', '10.20.0.0/24', 'web');
    expect(warnings()).toEqual([
      'chain FORWARD of table ip filter drops the packets of network web: run tsubo network allow-forward, or iptables -I DOCKER-USER -i tsubo1 -j ACCEPT; iptables -I DOCKER-USER -o tsubo1 -j ACCEPT',
    ]);
    expect(output('allow-forward')).toBe('ip filter DOCKER-USER tsubo1\n');
    const rules = machine.network.rules('ip', 'filter', 'DOCKER-USER');
    expect(rules.map(rule => rule.includes('tsubo1\0'))).toEqual([true, true, false]);
    expect(rules[2]).toBe('\x01\x02');
    expect(machine.network.rules('ip', 'filter', 'FORWARD')).toEqual([]);
    // Both chains accept the packets of the bridge now.
    expect(output('allow-forward')).toBe('');
  });

  it('is not reported if it accepts, does not forward, or is of a family that the network does not have', () => {
    machine.network.addChain('ip', 'filter', 'FORWARD', false);
    machine.network.addChain('inet', 'firewall', 'input', true, 1);
    machine.network.addChain('inet', 'firewall', 'helper');
    machine.network.addChain('ip6', 'filter', 'FORWARD', true);
    output('create', '--subnet', '10.20.0.0/24', 'web');
    expect(warnings()).toEqual([]);
  });

  it('of the family inet is reported with allow-forward alone', () => {
    machine.network.addChain('inet', 'firewall', 'forward', true);
    // Not the chain for the rules of the administrator: it is in other tables.
    machine.network.addChain('inet', 'filter', 'DOCKER-USER');
    machine.network.addChain('ip', 'firewall', 'DOCKER-USER');
    output('create', '--subnet', '10.20.0.0/24', 'web');
    expect(warnings()).toEqual([expect.stringMatching(/or tsubo network allow-forward$/)]);
    machine.network.refusals.push(errno.EPERM);
    expect(refusal('allow-forward')).toMatchObject({
      code: 'host.syscall',
      syscall: 'NFT_MSG_NEWRULE',
      errnoName: 'EPERM',
      value: 'tsubo1',
    });
    expect(machine.network.rules('inet', 'firewall', 'forward')).toEqual([]);
    expect(output('allow-forward')).toBe('inet firewall forward tsubo1\n');
    expect(machine.network.rules('inet', 'firewall', 'forward')).toHaveLength(2);
  });
});

describe('network ls and inspect', () => {
  it('show networks with the state of their bridges and their containers', () => {
    output('create', '--subnet', '10.20.0.0/24', '--subnet', 'fd00:9::/64', 'web');
    output('create', '--subnet', '10.21.0.0/24', 'lab');
    output('create', '--subnet', '10.22.0.0/24', '--bridge', 'br9', 'old');
    machine.network.binding.removeLink('tsubo2');
    machine.network.binding.removeLink('br9');
    machine.network.addLink({ name: 'br9', kind: 'dummy' });
    // A damaged record: the container may run, and keeps its addresses.
    mkdirSync(join(machine.root, 'c1'), { recursive: true });
    writeFileSync(join(machine.root, 'c1/state.json'), '{');
    take('web', '10.20.0.2', 'c1');
    take('web', 'fd00:9::2', 'c1');
    expect(output('ls')).toBe(
      [
        'NAME   BRIDGE   STATE      IPV4           IPV6          CONTAINERS',
        'lab    tsubo2   absent     10.21.0.0/24   -             0',
        'old    br9      conflict   10.22.0.0/24   -             0',
        'web    tsubo1   up         10.20.0.0/24   fd00:9::/64   1',
        '',
      ].join('\n'),
    );
    expect(output('ls', '-q')).toBe('lab\nold\nweb\n');
    const listed = JSON.parse(output('ls', '--format', 'json'));
    expect(JSON.parse(output('inspect', 'web', 'lab'))).toEqual([listed[2], listed[0]]);
    expect(listed[2]).toEqual({
      name: 'web',
      bridge: 'tsubo1',
      ipv4: { subnet: '10.20.0.0/24', gateway: '10.20.0.1' },
      ipv6: { subnet: 'fd00:9::/64', gateway: 'fd00:9::1' },
      internal: false,
      isolated: false,
      state: 'up',
      containers: [{ id: 'c1', addresses: ['10.20.0.2', 'fd00:9::2'] }],
    });
  });

  it('free the addresses of containers that do not exist, and leave foreign entries', () => {
    output('create', '--subnet', '10.20.0.0/24', 'web');
    take('web', '10.20.0.2', 'gone');
    take('web', 'notes', 'gone');
    symlinkSync('/etc/passwd', file('state/web/addresses/10.20.0.3'));
    expect(JSON.parse(output('ls', '--format', 'json'))).toMatchObject([{ name: 'web', containers: [] }]);
    expect(readdirSync(file('state/web/addresses'))).toEqual(['10.20.0.3', 'notes']);
    expect(warnings()).toEqual(
      ['10.20.0.3', 'notes'].map(
        name => `${file('state/web/addresses')}/${name} is not an address of network web: it is ignored`,
      ),
    );
  });

  it.each([
    ['', 'it is empty'],
    ['{', 'it is not JSON'],
    ['[]', '/version must be 1'],
    ['null', 'it is not a JSON object'],
    [JSON.stringify({ version: 1, name: 'other' }), '/name must be "broken"'],
    [JSON.stringify({ version: 1, name: 'broken', bridge: '..' }), '/bridge must be an interface name'],
  ])('report the damaged definition %j and list the others', (text, fault) => {
    output('create', '--subnet', '10.20.0.0/24', 'web');
    write('definitions/broken.json', text);
    expect(output('ls', '-q')).toBe('web\n');
    expect(reports()).toMatchObject([
      { code: 'network.damaged', msg: expect.stringContaining(`network broken is damaged: ${fault}`) },
    ]);
    expect(refusal('inspect', 'broken')).toMatchObject({ code: 'network.damaged', value: 'broken' });
    expect(output('rm', 'broken')).toBe('broken\n');
    expect(readdirSync(file('definitions'))).toEqual(['web.json']);
  });

  it('report an unknown name, also if it resembles that of a network', () => {
    output('create', '--subnet', '10.20.0.0/24', 'web');
    expect(refusal('inspect', 'wep')).toMatchObject({
      code: 'network.unknown',
      value: 'wep',
      hint: expect.stringContaining('web'),
    });
    expect(refusal('inspect', '../web')).toMatchObject({ code: 'network.unknown', value: '../web' });
  });
});

describe('network rm and prune', () => {
  it('remove the bridge, the elements and the files of a network without containers', () => {
    output('create', '--subnet', '10.20.0.0/24', 'web');
    output('create', '--subnet', '10.21.0.0/24', 'lab');
    take('web', '10.20.0.2', 'gone');
    expect(output('rm', 'web')).toBe('web\n');
    expect(machine.network.links.map(({ name }) => name)).toEqual(['lo', 'tsubo2']);
    expect(machine.network.elements('nets')).toEqual([hex('tsubo2')]);
    expect(machine.network.elements('local')).toHaveLength(1);
    expect(readdirSync(file('definitions'))).toEqual(['lab.json']);
    expect(readdirSync(file('state'))).toEqual([]);
  });

  it.each([['rm', 'web'], ['prune']])('remove the unfinished file of a killed create with %s', (...words) => {
    output('create', '--subnet', '10.20.0.0/24', 'web');
    writeFileSync(file('definitions/.lab.json'), '{');
    output(...words);
    expect(readdirSync(file('definitions'))).toEqual([]);
  });

  it('refuse a network in use', () => {
    output('create', '--subnet', '10.20.0.0/24', 'web');
    mkdirSync(join(machine.root, 'c1'), { recursive: true });
    writeFileSync(join(machine.root, 'c1/state.json'), '{');
    take('web', '10.20.0.2', 'c1');
    expect(refusal('rm', 'web')).toMatchObject({
      code: 'network.in-use',
      msg: expect.stringContaining('network web is in use by c1'),
    });
    expect(output('prune')).toBe('');
    expect(machine.network.elements('nets')).toEqual([hex('tsubo1')]);
  });

  it('leave the default network, and a device that is not a bridge', () => {
    output('create', '--subnet', '10.22.0.0/24', 'default');
    output('create', '--subnet', '10.20.0.0/24', 'web');
    machine.network.binding.removeLink('tsubo1');
    machine.network.addLink({ name: 'tsubo1', kind: 'dummy' });
    expect(output('prune')).toBe('web\n');
    expect(output('ls', '-q')).toBe('default\n');
    expect(machine.network.links.map(({ name }) => name)).toEqual(['lo', 'tsubo0', 'tsubo1']);
    expect(machine.calls.filter(call => call.startsWith('removeLink'))).toEqual([]);
  });

  it('report a bridge that cannot be removed', () => {
    output('create', '--subnet', '10.20.0.0/24', 'web');
    machine.trouble.set('removeLink', errno.EBUSY);
    expect(refusal('rm', 'web')).toMatchObject({ code: 'host.syscall', errnoName: 'EBUSY' });
    expect(output('ls', '-q')).toBe('web\n');
  });
});

describe('network reload', () => {
  it('makes bridges and rules again, and puts the interfaces of containers back', () => {
    output('create', '--subnet', '10.20.0.0/24', 'web');
    const init = machine.addProcess();
    const directory = join(machine.root, 'c1');
    mkdirSync(directory, { recursive: true });
    writeFileSync(
      join(directory, 'state.json'),
      JSON.stringify({
        version: 2,
        id: 'c1',
        bundle: '/b',
        rootfs: '/b/rootfs',
        created: '',
        sharedPidNamespace: false,
        init: { pid: init.pid, startTime: init.startTime },
        network: {
          attachments: [
            { name: 'web', bridge: 'tsubo1', interface: 'eth0', addresses: ['10.20.0.2'], link: 'ts9e0' },
          ],
          ports: ['8800:80/tcp'],
        },
      }),
    );
    take('web', '10.20.0.2', 'c1');
    machine.network.binding.removeLink('tsubo1');
    machine.network.addLink({ name: 'ts9e0', kind: 'veth' });
    machine.network.tables.clear();
    output('reload');
    const bridge = machine.network.binding.findLink('tsubo1');
    expect(bridge).toMatchObject({ kind: 'bridge' });
    expect(machine.network.binding.findLink('ts9e0')).toMatchObject({ master: bridge?.index });
    // The container publishes ports, and the network is not isolated.
    expect(machine.calls.filter(call => call.startsWith('enslave'))).toEqual([
      'enslave ts9e0 tsubo1 true false',
    ]);
    expect(machine.network.elements('nets')).toEqual([hex('tsubo1')]);
    machine.calls.length = 0;
    output('reload');
    expect(machine.calls.filter(call => /^(enslave|makeBridge)/.test(call))).toEqual([]);
  });

  it('refuses a bridge of the name with other addresses, and a device that is not a bridge', () => {
    output('create', '--subnet', '10.20.0.0/24', 'web');
    machine.network.addresses = [{ address: '10.20.0.1', prefix: 16, link: 2 }];
    expect(refusal('reload')).toMatchObject({
      code: 'network.conflict',
      document: 'network reload',
      msg: expect.stringContaining('the bridge tsubo1 of network web lacks its address 10.20.0.1/24'),
    });
    machine.network.binding.removeLink('tsubo1');
    machine.network.addLink({ name: 'tsubo1', kind: 'veth' });
    expect(refusal('reload')).toMatchObject({
      code: 'network.conflict',
      msg: expect.stringContaining('the device tsubo1 exists and is not a bridge'),
      hint: 'rename or remove it, or make network web with another --bridge',
    });
  });
});

describe('a wrong command line of network', () => {
  it.each([
    ['lst', 'did you mean ls?'],
    ['constructor', 'use create, ls, inspect, rm, prune, reload, allow-forward'],
  ])('names the commands of the group instead of %s', (word, hint) => {
    expect(network(word)).toBe(3);
    expect(JSON.parse(machine.stderr)).toMatchObject({
      code: 'usage.unknown-command',
      value: word,
      hint: expect.stringContaining(hint),
    });
  });

  it.each<[string[], object]>([
    [['create'], { code: 'usage.arguments', msg: expect.stringContaining('missing argument <name>') }],
    [['ls', 'web'], { code: 'usage.arguments', value: 'web' }],
    [['rm'], { code: 'usage.arguments', msg: expect.stringContaining('missing argument <name>') }],
    [['ls', '--internal'], { code: 'usage.unknown-option', value: 'internal' }],
    [['ls', '--no-ipv6'], { code: 'usage.unknown-option', value: 'no-ipv6' }],
    [['create', '-q', 'web'], { code: 'usage.unknown-option', value: 'q' }],
    [['ls', '--format', 'yaml'], { code: 'usage.bad-value', value: 'yaml' }],
  ])('%j is refused', (words, fields) => {
    expect(refusal(...words)).toMatchObject(fields);
  });

  it('waits for another command until its timeout', () => {
    output('create', '--subnet', '10.20.0.0/24', 'web');
    const fd = machine.binding.open(file('state'), 0, 0);
    machine.binding.lock(fd, 0);
    expect(refusal('rm', 'web')).toMatchObject({ code: 'state.busy', path: file('state') });
    machine.binding.close(fd);
    output('rm', 'web');
  });
});

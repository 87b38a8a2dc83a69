// SPDX-License-Identifier: Apache-2.0
import { existsSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { addressesOf, machine, neighbour, networkMachine } from '../helpers/network.ts';
import { requires } from '../helpers/requires.ts';
import { isTsubo } from '../helpers/runtime.ts';
import { type LogRecord, until } from '../helpers/sandbox.ts';

const skipped = !isTsubo || requires('root', 'busybox', 'ip', 'ping', 'nc', 'nft', 'ps');

describe.skipIf(skipped)('the command network', () => {
  const lan = networkMachine();
  const network = (...words: string[]) => lan.must('network', ...words);
  const listed = () =>
    JSON.parse(network('ls', '--format', 'json')) as { name: string; containers: { id: string }[] }[];
  const refusal = (...words: string[]) => {
    const done = lan.oci('network', ...words);
    expect(done.status).toBe(1);
    return done.log.find(({ level }) => level === 'error') as LogRecord;
  };

  test('makes a network that containers use, and shows both', () => {
    expect(network('create', '--subnet', '10.20.0.0/24', '--mtu', '1300', 'web')).toBe('web\n');
    expect(addressesOf(lan.link(lan.pid, 'tsubo1'))[0]).toBe('10.20.0.1/24');
    const { pid, id } = lan.running(['--network', 'web']);
    expect(addressesOf(lan.link(pid, 'eth0'))[0]).toBe('10.20.0.2/24');
    expect(lan.link(pid, 'eth0').mtu).toBe(1300);
    expect(listed()).toMatchObject([
      { name: 'web', bridge: 'tsubo1', mtu: 1300, state: 'up', internal: false, containers: [{ id }] },
    ]);
    const [ipv4] = listed()[0]?.containers ?? [];
    expect(JSON.parse(network('inspect', 'web'))[0].containers).toEqual([ipv4]);
    expect(network('ls', '-q')).toBe('web\n');
    const [head, row] = network('ls').split('\n');
    expect(head).toMatch(/^NAME +BRIDGE +STATE +IPV4 +IPV6 +CONTAINERS$/);
    expect(row).toMatch(/^web +tsubo1 +up +10\.20\.0\.0\/24 +fd[0-9a-f:]+\/64 +1$/);
  });

  test('makes an internal network that no traffic leaves', async () => {
    network('create', '--internal', 'inner');
    await lan.serve(lan.neighbour, 9000);
    const one = lan.running(['--network', 'inner']);
    const other = lan.running(['--network', 'inner']);
    await lan.serve(other.pid, 80);
    const [own = '', address = ''] = [one, other].map(
      ({ pid }) => addressesOf(lan.link(pid, 'eth0'))[0]?.split('/')[0],
    );
    expect(lan.ask(one.pid, address, 80)).toBe(own);
    expect(lan.ask(lan.pid, neighbour.ipv4, 9000)).toBe(machine.ipv4);
    expect(lan.ip('route show default', one.pid)).toBe('');
    // Also with a route of its own the traffic stays in.
    lan.ip('route add default via 10.63.0.1', one.pid);
    expect(lan.ask(one.pid, neighbour.ipv4, 9000)).toBeUndefined();
  });

  test('keeps two networks apart with IPv4 and IPv6, and the containers of an isolated one', async () => {
    network('create', 'one');
    network('create', '--isolated', 'two');
    const first = lan.running(['--network', 'one']);
    const second = lan.running(['--network', 'two']);
    const third = lan.running(['--network', 'two']);
    const fourth = lan.running(['--network', 'one']);
    const at = (pid: number) => addressesOf(lan.link(pid, 'eth0')).map(text => text.split('/')[0] ?? '');
    for (const { pid } of [second, fourth]) await lan.serve(pid, 80);
    const [ipv4 = '', ipv6 = ''] = at(second.pid);
    expect([
      lan.ask(first.pid, ipv4, 80),
      lan.ask(first.pid, ipv6, 80),
      lan.ask(third.pid, ipv4, 80),
    ]).toEqual([undefined, undefined, undefined]);
    // The server answers the host.
    expect(lan.ask(lan.pid, ipv4, 80)).toBe(ipv4.replace(/\d+$/, '1'));
    expect(lan.ask(lan.pid, ipv6, 80)).toBe(ipv6.replace(/[0-9a-f]+$/, '1'));
    const [own = '', own6 = ''] = at(fourth.pid);
    expect(lan.ask(first.pid, own, 80)).toBe(at(first.pid)[0]);
    expect(lan.ask(first.pid, own6, 80)).toBe(at(first.pid)[1]);
  });

  test.skipIf(requires('strace'))('leaves no bridge if it cannot make the rest of a network', () => {
    network('create', '--subnet', '10.21.0.0/24', 'first');
    const links = () =>
      lan
        .ip('-o link')
        .replaceAll(/^\d+: /gm, '')
        .split('\n').length;
    const before = links();
    const words = ['network', 'create', '--subnet', '10.20.0.0/24', 'second'];
    let failures = 0;
    for (let when = 1; when < 300; when++) {
      const strace = ['strace', '-qq', '-o', '/dev/null', '-e', `inject=sendto:error=ENOMEM:when=${when}`];
      const done = lan.ociBy(strace, ...words);
      if (done.status === 0) break;
      failures += 1;
      expect(done.stderr).toContain('cannot allocate memory');
      expect([when, links(), network('ls', '-q')]).toEqual([when, before, 'first\n']);
    }
    expect(failures).toBeGreaterThan(3);
    expect(network('ls', '-q')).toBe('first\nsecond\n');
  });

  test('attaches a container to two networks', () => {
    network('create', '--subnet', '10.20.0.0/24', 'one');
    network('create', '--subnet', '10.30.0.0/24', '--no-ipv6', 'two');
    const { pid } = lan.running(['--network', 'one', '--network', 'two:ip=10.30.0.7']);
    expect(addressesOf(lan.link(pid, 'eth0'))[0]).toBe('10.20.0.2/24');
    expect(addressesOf(lan.link(pid, 'eth1'))).toEqual(['10.30.0.7/24']);
    expect(lan.ip('route show default', pid)).toContain('via 10.20.0.1 dev eth0');
    expect(listed().map(({ containers }) => containers.length)).toEqual([1, 1]);
  });

  test('removes a network only without containers', async () => {
    network('create', 'web');
    const { id } = lan.running(['--network', 'web']);
    expect(refusal('rm', 'web')).toMatchObject({ code: 'network.in-use', value: 'web' });
    expect(refusal('rm', 'web')['msg']).toContain(`in use by ${id}`);
    lan.must('delete', '--force', id);
    expect(network('rm', 'web')).toBe('web\n');
    expect(listed()).toEqual([]);
    expect(lan.try(lan.pid, 'ip', 'link', 'show', 'tsubo1').status).toBe(1);
    expect(lan.in(lan.pid, 'nft', 'list', 'set', 'inet', 'tsubo', 'nets')).not.toContain('tsubo1');
    expect(refusal('rm', 'web')).toMatchObject({ code: 'network.unknown' });
  });

  test('prunes networks without containers, and no bridge of another program', () => {
    lan.ip('link add docker0 type bridge');
    lan.ip('link add podman0 type bridge');
    lan.must('delete', '--force', lan.running(['--network', 'default']).id);
    network('create', 'idle');
    network('create', 'busy');
    const { id } = lan.running(['--network', 'busy']);
    expect(network('prune')).toBe('idle\n');
    expect(listed().map(({ name }) => name)).toEqual(['busy', 'default']);
    expect(listed()[0]?.containers.map(one => one.id)).toEqual([id]);
    for (const bridge of ['docker0', 'podman0', 'tsubo0'])
      expect(lan.link(lan.pid, bridge).ifname).toBe(bridge);
  });

  test('works after a reboot with its definition, and nothing else of the time before', async () => {
    network('create', '--subnet', '10.20.0.0/24', 'web');
    const flags = ['--network', 'web', '--publish', '8800:80'];
    const { id, pid } = lan.running(flags);
    const { network: own, cgroup } = lan.recordOf(id) as {
      network: { keeper: { pid: number } };
      cgroup: { path: string };
    };
    const keeper = own.keeper.pid;
    // All processes end at once; devices, rules and the files below /run go with the kernel.
    for (const one of [keeper, pid]) process.kill(one, 'SIGKILL');
    await until('the processes have ended', () => ![keeper, pid].some(one => existsSync(`/proc/${one}`)));
    lan.in(lan.pid, 'rmdir', cgroup.path);
    lan.ip('link delete tsubo1');
    lan.in(lan.pid, 'nft', 'flush', 'ruleset');
    for (const path of [lan.file('state'), join(lan.box.root, id)]) rmSync(path, { recursive: true });
    expect(listed()).toMatchObject([{ name: 'web', state: 'absent', containers: [] }]);
    const again = lan.running(flags);
    expect(addressesOf(lan.link(again.pid, 'eth0'))[0]).toBe('10.20.0.2/24');
    await lan.serve(again.pid, 80);
    expect(lan.ask(lan.neighbour, machine.ipv4, 8800)).toBe(neighbour.ipv4);
  });

  test('prune leaves the rules of Docker and podman, and containers of others in their networks', () => {
    lan.ip('link add docker0 type bridge');
    lan.ip('address add 172.17.0.1/16 dev docker0');
    lan.ip('link add podman0 type bridge');
    lan.ip(`link add veth0 master podman0 type veth peer name eth9 netns ${lan.neighbour}`);
    const nft = (...words: string[]) => lan.in(lan.pid, 'nft', ...words);
    nft('add table ip docker');
    nft('add chain ip docker post { type nat hook postrouting priority 100; }');
    nft('add rule ip docker post oifname != docker0 ip saddr 172.17.0.0/16 masquerade');
    nft('add table inet netavark');
    nft('add chain inet netavark NETAVARK-HOSTPORT-DNAT');
    network('create', 'idle');
    const foreign = () =>
      [
        nft('list table ip docker'),
        nft('list table inet netavark'),
        lan.ip('-o address show dev docker0'),
      ].join();
    const before = foreign();
    expect(network('prune')).toBe('idle\n');
    expect(foreign()).toBe(before);
    expect(lan.ip('-o link show master podman0')).toContain('veth0');
    expect(lan.link(lan.pid, 'docker0').ifname).toBe('docker0');
  });

  test('puts a deleted bridge and its interfaces back with reload', async () => {
    await lan.serve(lan.neighbour, 9000);
    const { pid } = lan.running(['--network', 'default']);
    lan.ip('link delete tsubo0');
    lan.in(lan.pid, 'nft', 'delete', 'table', 'inet', 'tsubo');
    expect(listed()).toMatchObject([{ name: 'default', state: 'absent' }]);
    network('reload');
    expect(lan.ask(pid, neighbour.ipv4, 9000)).toBe(machine.ipv4);
  });

  test('keeps the containers of an isolated network apart after a reload', async () => {
    network('create', '--isolated', 'web');
    const [first, second] = [
      lan.running(['--network', 'web']),
      lan.running(['--network', 'web', '-p', '8800:80']),
    ];
    await lan.serve(second.pid, 80);
    const ports = () =>
      (JSON.parse(lan.ip('-d -j link show type veth')) as { linkinfo: { info_slave_data?: object } }[])
        .flatMap(({ linkinfo: { info_slave_data: port } }) => port ?? [])
        .map(port => port as { hairpin: boolean; isolated: boolean })
        .map(({ hairpin, isolated }) => [hairpin, isolated])
        .sort();
    const before = ports();
    expect(before).toEqual([
      [false, true],
      [true, true],
    ]);
    lan.ip('link delete tsubo1');
    network('reload');
    expect(ports()).toEqual(before);
    const [address = ''] = addressesOf(lan.link(second.pid, 'eth0')).map(text => text.split('/')[0] ?? '');
    expect(lan.ask(first.pid, address, 80)).toBeUndefined();
  });

  test('refuses a bridge with other addresses than the definition, and leaves it', () => {
    lan.running(['--network', 'default']);
    lan.ip('address delete 10.63.0.1/22 dev tsubo0');
    expect(refusal('reload')).toMatchObject({ code: 'network.conflict', value: 'tsubo0' });
    expect(addressesOf(lan.link(lan.pid, 'tsubo0'))).toHaveLength(1);
  });

  test('keeps the rules of the administrator in the chain user', () => {
    network('create', 'web');
    lan.in(lan.pid, 'nft', 'add', 'rule', 'inet', 'tsubo', 'user', 'tcp', 'dport', '25', 'drop');
    network('reload');
    expect(lan.in(lan.pid, 'nft', 'list', 'chain', 'inet', 'tsubo', 'user')).toContain('tcp dport 25 drop');
    expect(lan.rules().match(/ip saddr 127\.0\.0\.0\/8 drop/g)).toHaveLength(1);
  });

  test.each([
    [
      'a subnet with a route',
      ['--subnet', '192.0.2.0/25', 'web'],
      'network.overlap',
      'overlaps the route 192.0.2.0/24 to uplink',
    ],
    ['a subnet that starts elsewhere', ['--subnet', '10.20.0.1/24', 'web'], 'usage.bad-value', '--subnet'],
    ['a subnet for no container', ['--subnet', '10.20.0.0/31', 'web'], 'usage.bad-value', '--subnet'],
    [
      'a gateway outside',
      ['--subnet', '10.20.0.0/24', '--gateway', '10.21.0.1', 'web'],
      'usage.bad-value',
      '--gateway',
    ],
    [
      'a bridge name of 16 characters',
      ['--bridge', 'sixteen-letters.', 'web'],
      'usage.bad-value',
      '--bridge',
    ],
    [
      'the bridge of another program',
      ['--bridge', 'uplink', 'web'],
      'network.conflict',
      'the device uplink exists',
    ],
    ['a name that is a path', ['../web'], 'usage.bad-value', 'the name of a network'],
    ['an MTU below that of IPv6', ['--mtu', '1200', 'web'], 'usage.bad-value', '--mtu'],
    [
      'an option of another action',
      ['--format', 'json', 'web'],
      'usage.unknown-option',
      'unknown option --format',
    ],
  ])('refuses to make one with %s', (_, words, code, text) => {
    const record = refusal('create', ...words);
    expect(record).toMatchObject({ code });
    expect(record['msg']).toContain(text);
    expect(network('ls', '-q')).toBe('');
  });

  test('refuses a second one with the same name, bridge or subnet', () => {
    network('create', '--subnet', '10.20.0.0/24', 'web');
    expect(refusal('create', 'web')).toMatchObject({ code: 'network.exists' });
    expect(refusal('create', '--bridge', 'tsubo1', 'other')).toMatchObject({ code: 'network.exists' });
    expect(refusal('create', '--subnet', '10.20.0.128/25', 'other')).toMatchObject({
      code: 'network.overlap',
    });
  });

  test('names a damaged definition and foreign entries, and follows no link', () => {
    lan.running(['--network', 'default']);
    writeFileSync(lan.file('definitions/broken.json'), '{"version":1,');
    symlinkSync('/etc/shadow', lan.file('state/default/addresses/10.63.0.99'));
    mkdirSync(lan.file('state/default/addresses/notes'));
    const done = lan.oci('network', 'ls', '--format', 'json');
    expect(JSON.parse(done.stdout)).toMatchObject([{ name: 'default', containers: [{}] }]);
    const messages = done.log.map(({ msg }) => msg);
    expect(messages).toContainEqual(
      expect.stringContaining('the definition of network broken is damaged: it is not JSON'),
    );
    for (const name of ['10.63.0.99', 'notes']) {
      expect(messages).toContainEqual(
        expect.stringContaining(`addresses/${name} is not an address of network default`),
      );
    }
    expect(refusal('inspect', 'broken')).toMatchObject({ code: 'network.damaged' });
    lan.must('network', 'rm', 'broken');
    expect(lan.must('network', 'ls', '-q')).toBe('default\n');
  });

  test('lists only whole containers while others are created', async () => {
    const bundles = Array.from({ length: 20 }, () => lan.bundle());
    lan.running(['--network', 'default']);
    const words = lan.box
      .command('create', '--network', 'default')
      .map(word => `'${word}'`)
      .join(' ');
    const script = bundles
      .map(({ dir, id }) => `${words} --bundle ${dir} ${id} >/dev/null 2>&1 </dev/null &`)
      .join('\n');
    const done = lan.box.fresh('done');
    lan.in(lan.pid, 'sh', '-c', `{ ${script}\nwait; touch ${done}; } </dev/null >/dev/null 2>&1 &`);
    const ids = new Set(bundles.map(({ id }) => id));
    await until(
      'all are listed',
      () => {
        const { log, stdout } = lan.oci('network', 'ls', '--format', 'json');
        expect(log.filter(({ level }) => level !== 'debug')).toEqual([]);
        const { containers = [] } =
          (JSON.parse(stdout) as { containers: { id: string; addresses: string[] }[] }[])[0] ?? {};
        for (const { id, addresses } of containers) expect([id, addresses.length > 0]).toEqual([id, true]);
        return containers.filter(({ id }) => ids.has(id)).length === 20;
      },
      120_000,
    );
  });

  test('frees what a killed container has left, at the next command', async () => {
    const { id, pid } = lan.running(['--network', 'default']);
    lan.in(lan.pid, 'sh', '-c', `kill -9 ${pid}`);
    await until('it has stopped', () => lan.box.state(id).status === 'stopped');
    expect(lan.taken()).toHaveLength(2);
    expect(listed()[0]?.containers).toEqual([]);
    expect(lan.taken()).toEqual([]);
    // Its delete leaves the address to a new owner.
    const next = lan.running(['--network', 'default:ip=10.63.0.2']);
    lan.must('delete', id);
    expect(lan.taken()).toContain('10.63.0.2');
    expect(lan.recordOf(next.id)['network']).toMatchObject({ attachments: [{ name: 'default' }] });
  });
});

// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { addressesOf, machine, neighbour, networkMachine } from '../helpers/network.ts';
import { requires } from '../helpers/requires.ts';
import { host, isTsubo } from '../helpers/runtime.ts';
import { until } from '../helpers/sandbox.ts';

const skipped = !isTsubo || requires('root', 'busybox', 'ip', 'ping', 'nc', 'nft', 'strace', 'ps');
const attached = ['--network', 'default'];

describe.skipIf(skipped)('a container in the default network', () => {
  const lan = networkMachine();

  test('has an address of the subnet, a default route and a working loopback interface', () => {
    const { pid } = lan.running(attached);
    const eth0 = lan.link(pid, 'eth0');
    const definition = JSON.parse(readFileSync(lan.file('definitions/default.json'), 'utf8'));
    const ipv6 = (definition.ipv6.subnet as string).replace('/64', '2/64');
    expect(definition.ipv4).toEqual({ subnet: '10.63.0.0/22', gateway: '10.63.0.1' });
    expect(addressesOf(eth0)).toEqual(['10.63.0.2/22', ipv6]);
    expect(eth0.flags).toContain('UP');
    expect(lan.ip('route show default', pid).trim()).toBe('default via 10.63.0.1 dev eth0 proto static');
    expect(lan.ip('-6 route show default', pid)).toContain(`default via ${definition.ipv6.gateway}`);
    expect(lan.pings(pid, '127.0.0.1')).toBe(true);
    expect(addressesOf(lan.link(lan.pid, 'tsubo0'))).toEqual(['10.63.0.1/22', ipv6.replace('2/64', '1/64')]);
  });

  test('reaches the outside with TCP, UDP, ICMP and IPv6 under the address of the host', async () => {
    await lan.serve(lan.neighbour, 9000);
    const { pid } = lan.running(attached);
    expect(lan.ask(pid, neighbour.ipv4, 9000)).toBe(machine.ipv4);
    expect(lan.askUdp(pid, neighbour.ipv4, 9000)).toBe(machine.ipv4);
    expect(lan.pings(pid, neighbour.ipv4)).toBe(true);
    expect(lan.ask(pid, neighbour.ipv6, 9000)).toBe(machine.ipv6);
    expect(lan.pings(pid, neighbour.ipv6)).toBe(true);
  });

  test('reaches the host and another container of the network, under its own address', async () => {
    const one = lan.running(attached);
    const other = lan.running(attached);
    await lan.serve(other.pid, 80);
    await lan.serve(lan.pid, 81);
    expect(lan.ask(one.pid, '10.63.0.3', 80)).toBe('10.63.0.2');
    expect(lan.ask(one.pid, '10.63.0.1', 81)).toBe('10.63.0.2');
    expect(lan.ask(lan.pid, '10.63.0.3', 80)).toBe('10.63.0.1');
  });

  test('is not reached by a neighbour that routes the subnet over the host', async () => {
    const { pid } = lan.running(attached);
    await lan.serve(pid, 80);
    lan.ip(`route add 10.63.0.0/22 via ${machine.ipv4}`, lan.neighbour);
    expect(lan.ask(lan.neighbour, '10.63.0.2', 80)).toBeUndefined();
    expect(lan.pings(lan.neighbour, '10.63.0.2')).toBe(false);
    expect(lan.ask(lan.pid, '10.63.0.2', 80)).toBe('10.63.0.1');
  });

  test('is not reached with IPv6 by a neighbour that routes the subnet over the host', async () => {
    const { pid } = lan.running(attached);
    await lan.serve(pid, 80);
    const [, ipv6 = ''] = addressesOf(lan.link(pid, 'eth0')).map(text => text.split('/')[0] ?? '');
    lan.ip(`-6 route add ${ipv6.replace(/::.*/, '::')}/64 via ${machine.ipv6}`, lan.neighbour);
    expect(lan.ask(lan.neighbour, ipv6, 80)).toBeUndefined();
    expect(lan.pings(lan.neighbour, ipv6)).toBe(false);
    expect(lan.ask(lan.pid, ipv6, 80)).toBe(ipv6.replace(/2$/, '1'));
    // With the forward chain open, the same request arrives: nothing else has stopped it.
    lan.in(lan.pid, 'nft', 'add', 'rule', 'inet', 'tsubo', 'user', 'accept');
    expect(lan.ask(lan.neighbour, ipv6, 80)).toBe(neighbour.ipv6);
  });

  test('has the requested address and hardware address', () => {
    const { pid, id } = lan.running([
      '--network',
      'default:ip=10.63.0.9,mac=02:11:22:33:44:55,interface=net0',
    ]);
    const link = lan.link(pid, 'net0');
    expect(addressesOf(link)[0]).toBe('10.63.0.9/22');
    expect(link.address).toBe('02:11:22:33:44:55');
    expect(lan.recordOf(id)['network']).toMatchObject({
      attachments: [{ name: 'default', bridge: 'tsubo0', interface: 'net0', link: `ts${pid}e0` }],
    });
  });

  test('gives its addresses back when it is deleted', async () => {
    const { id, pid } = lan.running(attached);
    expect(lan.taken()).toContain('10.63.0.2');
    lan.must('delete', '--force', id);
    expect(lan.taken()).toEqual([]);
    await until(
      'the interface has gone',
      () => lan.try(lan.pid, 'ip', 'link', 'show', `ts${pid}e0`).status === 1,
    );
  });

  test('gives its addresses back when its create fails later', () => {
    lan.must('delete', '--force', lan.running(attached).id);
    const { record } = lan.refuses(attached, bundle => {
      bundle.config.process.args = ['/bin/missing'];
    });
    expect(record.code).toBe('container.program-not-found');
    expect(lan.taken()).toEqual([]);
  });

  test('gets another address than the one that was just freed', () => {
    const first = lan.running(attached);
    lan.must('delete', '--force', first.id);
    const { pid } = lan.running(attached);
    expect(addressesOf(lan.link(pid, 'eth0'))[0]).toBe('10.63.0.3/22');
  });

  test('solicits nothing from the other containers of its network before its program does', async () => {
    const other = lan.running(attached);
    const rules = `
      table ip6 heard {
        set sources { type ether_addr; flags dynamic; size 1024; }
        chain every {
          type filter hook prerouting priority -300;
          icmpv6 type { nd-router-solicit, nd-neighbor-solicit } update @sources { ether saddr };
        }
      }`;
    lan.in(other.pid, 'sh', '-c', 'echo "$0" | nft -f -', rules);
    const { pid } = lan.running(attached);
    const { address } = JSON.parse(lan.ip('-j link show eth0', pid))[0] as { readonly address: string };
    const heard = () => lan.in(other.pid, 'nft', 'list', 'set', 'ip6', 'heard', 'sources');
    // The kernel sends the last packet for a new address within two seconds, and at most a second passes between two.
    await new Promise(resolve => setTimeout(resolve, 4000));
    expect(heard()).not.toContain(address);
    const ipv6 = addressesOf(lan.link(other.pid, 'eth0'))
      .find(text => text.startsWith('fd'))
      ?.split('/')[0];
    lan.in(pid, 'ping', '-6', '-c', '1', ipv6 ?? '');
    expect(heard()).toContain(address);
  });

  test('takes no route from an advertisement of another container, and neither does the host', () => {
    const { pid } = lan.running(attached);
    const setting = (where: number, device: string) =>
      lan.in(where, 'cat', `/proc/sys/net/ipv6/conf/${device}/accept_ra`);
    expect([setting(pid, 'eth0'), setting(lan.pid, 'tsubo0')]).toEqual(['0\n', '0\n']);
  });

  test('starts with the same address while the interface of its predecessor still ends', () => {
    const flags = ['--network', 'default:ip=10.63.0.9'];
    for (let round = 0; round < 5; round++) {
      const { id, pid } = lan.running(flags);
      expect(addressesOf(lan.link(pid, 'eth0'))[0]).toBe('10.63.0.9/22');
      lan.must('delete', '--force', id);
    }
  });

  test('shares no address with 49 others that are created at the same time', () => {
    const bundles = Array.from({ length: 50 }, () => lan.bundle());
    const words = lan.box
      .command('create', ...attached)
      .map(word => `'${word}'`)
      .join(' ');
    const script = bundles.map(
      ({ dir, id }) => `${words} --bundle ${dir} ${id} >/dev/null 2>${dir}/err </dev/null &`,
    );
    lan.in(lan.pid, 'sh', '-c', `${script.join('\n')}\nwait`);
    const printed = bundles.flatMap(({ dir }) => readFileSync(`${dir}/err`, 'utf8').split('\n'));
    expect(printed.filter(line => line.includes('level=error'))).toEqual([]);
    const addresses = bundles.map(({ id }) => addressesOf(lan.link(lan.box.state(id).pid, 'eth0'))[0]);
    expect(new Set(addresses).size).toBe(50);
    expect(addresses.every(address => /^10\.63\.0\.\d+\/22$/.test(address ?? ''))).toBe(true);
    expect(lan.taken()).toHaveLength(100);
  });

  test('makes the host forward packets once, reports it, and keeps the old values', () => {
    const bundle = lan.bundle();
    lan.in(lan.pid, 'sysctl', '-qw', 'net.ipv4.ip_forward=0');
    const first = lan.oci('create', '--bundle', bundle.dir, ...attached, bundle.id);
    const warned = first.log.filter(({ level }) => level === 'warning').map(({ msg }) => msg);
    expect(warned).toContainEqual(
      expect.stringContaining('makes this host forward packets: it set /proc/sys/net/ipv4/ip_forward'),
    );
    expect(readFileSync(lan.file('state/switched-on'), 'utf8')).toContain(
      '/proc/sys/net/ipv4/ip_forward 0\n',
    );
    const other = lan.bundle();
    const second = lan.oci('create', '--bundle', other.dir, ...attached, other.id);
    expect(second.log.filter(({ level }) => level === 'warning')).toEqual([]);
    expect(lan.in(lan.pid, 'sysctl', '-n', 'net.ipv4.conf.all.route_localnet').trim()).toBe('0');
  });

  test('gets rules and a bridge after both were removed', async () => {
    await lan.serve(lan.neighbour, 9000);
    lan.running(attached);
    lan.in(lan.pid, 'nft', 'flush', 'ruleset');
    lan.ip('link delete tsubo0');
    const { pid } = lan.running(attached);
    expect(lan.ask(pid, neighbour.ipv4, 9000)).toBe(machine.ipv4);
  });

  test('is refused with the network namespace of another process, or of the runtime', () => {
    const joined = lan.refuses(attached, bundle => bundle.namespace('network', '/proc/1/ns/net'));
    expect(joined.record).toMatchObject({ code: 'config.network', value: '/proc/1/ns/net' });
    expect(joined.record['pointer']).toMatch(/^\/linux\/namespaces\/\d+\/path$/);
    const shared = lan.refuses(attached, bundle => bundle.namespace('network'));
    expect(shared.record).toMatchObject({ code: 'config.network', pointer: '/linux/namespaces' });
  });

  test.each([
    ['an unknown network', 'web', 'network.unknown', 'network web does not exist'],
    [
      'an address outside the subnet',
      'default:ip=10.9.0.1',
      'network.address',
      '10.9.0.1 is not a host address',
    ],
    ['the address of the gateway', 'default:ip=10.63.0.1', 'network.address', '10.63.0.1 is the gateway'],
    ['the address of the subnet itself', 'default:ip=10.63.0.0', 'network.address', 'is not a host address'],
    ['the broadcast address', 'default:ip=10.63.3.255', 'network.address', 'is not a host address'],
    [
      'a multicast hardware address',
      'default:mac=01:00:00:00:00:01',
      'usage.network',
      'invalid hardware address',
    ],
    [
      'an interface name of 16 characters',
      'default:interface=eth0123456789abc',
      'usage.network',
      'invalid interface name',
    ],
    ['an unknown key', 'default:ipv4=10.63.0.9', 'usage.network', 'unknown key "ipv4"'],
  ])('is refused with %s', (_, network, code, text) => {
    const { record } = lan.refuses(['--network', network]);
    expect(record.code).toBe(code);
    expect(record.msg).toContain(text);
    expect(record['document']).toBe('--network');
    expect(lan.taken()).toEqual([]);
  });

  test('is refused with the address of another container, which is named', () => {
    const first = lan.running(attached);
    const { record } = lan.refuses(['--network', 'default:ip=10.63.0.2']);
    expect(record).toMatchObject({ code: 'network.address', value: '10.63.0.2' });
    expect(record.msg).toContain(`belongs to container ${first.id}`);
    expect(lan.taken()).toHaveLength(2);
  });

  test('is refused if the device with the name of the bridge is not a bridge', () => {
    lan.ip('link add tsubo0 type veth peer name other');
    const { record } = lan.refuses(attached);
    expect(record).toMatchObject({ code: 'network.conflict', value: 'tsubo0' });
  });

  test('has a subnet that overlaps no route, no address and no name server', () => {
    lan.ip('route add 10.63.0.0/24 dev uplink');
    lan.ip('address add 10.63.4.1/24 dev uplink');
    lan.ip('route add 10.63.8.0/21 dev uplink');
    const { pid } = lan.running(attached);
    expect(addressesOf(lan.link(pid, 'eth0'))[0]).toBe('10.63.16.2/22');
  });

  test('is in its plan with every step, each with the option that requested it', () => {
    const bundle = lan.bundle();
    const plan = lan.must('plan', ...attached, bundle.dir).split('\n');
    const named = plan
      .filter(line => line.endsWith(' --network'))
      .map(line => line.trim().replace(/^\d+ +/, ''));
    expect(named.map(line => line.split(' ')[0])).toEqual([
      'makeNetwork',
      'claimAddress',
      'writeNetworkFiles',
      'sync',
      'configureLinks',
      'makeVeth',
    ]);
    expect(named[0]).toMatch(
      /^makeNetwork name=default bridge=tsubo0 subnets=\[10\.63\.0\.0\/22 fd[0-9a-f:]+\/64\] new/,
    );
    expect(named[5]).toMatch(/^makeVeth bridge=tsubo0 name=eth0 /);
    expect(plan.filter(line => line.endsWith(' --network /etc/resolv.conf'))).toHaveLength(1);
    expect(plan.join()).not.toContain('raiseLoopback');
    expect(lan.try(lan.pid, 'ip', 'link', 'show', 'tsubo0').status).toBe(1);
  });

  test('changes no system call of a container without a network', () => {
    /** The names of all calls of a run, by process. */
    const trace = () => {
      const bundle = lan.bundle(made => {
        made.config.process.args = ['/bin/true'];
        made.config.annotations = { 'org.example.network': 'default' };
      });
      const out = lan.box.fresh('trace');
      const wrapper = ['strace', '-f', '-qq', '-e', 'signal=none', '-o', out];
      expect(lan.ociBy(wrapper, 'run', '--bundle', bundle.dir, bundle.id).status).toBe(0);
      const lines = readFileSync(out, 'utf8').split('\n');
      const words = [
        'NETLINK',
        'networks',
        '/etc/tsubo',
        'ip_forward',
        'SIOCGIFINDEX',
        'resolv.conf',
        'hosts',
      ];
      expect(lines.filter(line => words.some(word => line.includes(word)))).toEqual([]);
      // The loopback interface of the new namespace is set up with an ioctl(2).
      expect(lines.filter(line => line.includes('SIOCSIFFLAGS'))).toHaveLength(1);
      const calls = new Map<string, string[]>();
      for (const line of lines) {
        const [, pid = '', name] = /^(\d+) +(\w+)\(/.exec(line) ?? [];
        if (name !== undefined) calls.set(pid, [...(calls.get(pid) ?? []), name]);
      }
      // The order of some depends on which of two processes is faster.
      return [...calls.values()].map(names => names.sort());
    };
    // The first run makes the root directory.
    trace();
    const alone = trace();
    lan.running([...attached, '--publish', '8800:80']);
    const beside = trace();
    // The threads of Node do not make the same calls twice.
    if (host === 'standalone') expect(beside).toEqual(alone);
  });
});

describe.skipIf(skipped)('a container in the default network of a host without IPv6', () => {
  const lan = networkMachine({ ipv6: false });

  test('has IPv4 alone', async () => {
    await lan.serve(lan.neighbour, 9000);
    const { pid } = lan.running(attached);
    expect(addressesOf(lan.link(pid, 'eth0'))).toEqual(['10.63.0.2/22']);
    expect(lan.ask(pid, neighbour.ipv4, 9000)).toBe(machine.ipv4);
  });
});

describe.skipIf(skipped)('a container in the default network of a host behind a tunnel', () => {
  const lan = networkMachine({ mtu: 1400 });

  test('has the MTU of the default route', () => {
    const { pid } = lan.running(attached);
    expect(lan.link(pid, 'eth0').mtu).toBe(1400);
  });
});

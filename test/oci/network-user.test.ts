// SPDX-License-Identifier: Apache-2.0
import { readdirSync, readFileSync } from 'node:fs';
import { beforeAll, describe, expect, test } from 'vitest';
import type { Bundle } from '../helpers/bundle.ts';
import { machine, neighbour, networkMachine } from '../helpers/network.ts';
import { requires } from '../helpers/requires.ts';
import { isTsubo } from '../helpers/runtime.ts';
import { type Sandbox, sandbox, until } from '../helpers/sandbox.ts';
import { asUser, prepareUser, unprivileged } from '../helpers/user.ts';

const needs = ['root', 'busybox', 'ip', 'nc', 'curl', 'strace', 'pasta', 'tun'] as const;

/** The sandbox of a user with access to the device of tunnels, which a machine may keep for root. */
function userSandbox(box: Sandbox): Sandbox {
  prepareUser(box);
  beforeAll(() =>
    box.view.sh('mount -t tmpfs -o mode=755 tmpfs /dev/net && mknod -m 666 /dev/net/tun c 10 200'),
  );
  return box;
}

describe.skipIf(!isTsubo || requires(...needs))('a network of a user', () => {
  const lan = networkMachine({}, userSandbox(sandbox('unified', asUser())));
  /** A root in a user namespace gets the files of the network only where its own root has them. */
  const prepared = (made: Bundle) => {
    unprivileged(made);
    made.file('/etc/hosts', '');
  };
  const running = (...flags: string[]) => lan.running(flags, prepared);
  /** Processes that connect containers of this test: their arguments name a file below the state directory. */
  const programs = () =>
    readdirSync('/proc').filter(pid => {
      try {
        return /^\d+$/.test(pid) && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(`${lan.box.root}/`);
      } catch {
        return false;
      }
    });

  test('forwards published ports, keeps the address of a client, and ends with the container', async () => {
    const flags = ['-p', '8800:80', '-p', '5353:53/udp', '-p', '9000-9009:71-80'];
    const { id, pid } = lan.running(flags, bundle => {
      prepared(bundle);
      bundle.file('/www/index.html', 'a jar\n');
      bundle.config.process.args = ['/bin/busybox', 'httpd', '-f', '-p', '80', '-h', '/www'];
    });
    await lan.serve(pid, 53, 'name ');
    const get = (from: number, url: string) =>
      lan.in(
        from,
        'curl',
        '-sS',
        '--retry',
        '20',
        '--retry-all-errors',
        '--retry-delay',
        '1',
        '-m',
        '20',
        url,
      );
    expect(get(lan.pid, 'http://127.0.0.1:8800/')).toBe('a jar\n');
    expect(get(lan.pid, 'http://[::1]:8800/')).toBe('a jar\n');
    expect(get(lan.neighbour, `http://[${machine.ipv6}]:8800/`)).toBe('a jar\n');
    expect(get(lan.neighbour, `http://${machine.ipv4}:9009/`)).toBe('a jar\n');
    expect(lan.askUdp(lan.neighbour, machine.ipv4, 5353)).toBe(`name ${neighbour.ipv4}`);
    expect(lan.recordOf(id)['network']).toMatchObject({
      attachments: [],
      ports: ['8800:80/tcp', '5353:53/udp', '9000-9009:71-80/tcp'],
      keeper: {},
    });
    expect(programs()).toHaveLength(1);
    lan.must('kill', id, 'KILL');
    await until('the program has ended', () => programs().length === 0);
    // The port is free although the container is not deleted.
    running('--publish', '8800:80');
    lan.must('delete', id);
  });

  test('reaches the outside, and not the loopback interface of the host', async () => {
    await lan.serve(lan.neighbour, 9000);
    await lan.serve(lan.pid, 7777, 'host ');
    const { pid, id } = running('--network', 'default:interface=net0,alias=site');
    expect(lan.ask(pid, neighbour.ipv4, 9000)).toBe(machine.ipv4);
    expect(lan.askUdp(pid, neighbour.ipv4, 9000)).toBe(machine.ipv4);
    expect(lan.ask(pid, neighbour.ipv6, 9000)).toBe(machine.ipv6);
    expect(lan.link(pid, 'net0').flags).toContain('UP');
    for (const address of ['127.0.0.1', machine.ipv4, neighbour.ipv4])
      expect(lan.ask(pid, address, 7777)).toBeUndefined();
    expect(lan.must('exec', id, '/bin/cat', '/etc/hosts')).toContain(`127.0.1.1\tjar ${id} site\n`);
  });

  test('refuses a port below ip_unprivileged_port_start before anything is made, and names the setting', () => {
    const { record } = lan.refuses(['--publish', '80:80'], unprivileged);
    expect(record).toMatchObject({
      code: 'host.syscall',
      errnoName: 'EACCES',
      document: '--publish',
      value: '0.0.0.0 port 80',
      hint: 'ports below 1024 belong to root: publish a higher one, or let root run sysctl -w net.ipv4.ip_unprivileged_port_start=80',
    });
    lan.in(lan.pid, 'sysctl', '-qw', 'net.ipv4.ip_unprivileged_port_start=80');
    running('--publish', '80:80');
  });

  test('refuses a port of another container of the user, and names it', () => {
    const { id } = running('--publish', '8800:80');
    const { record } = lan.refuses(['--publish', '127.0.0.1:8800:81'], unprivileged);
    expect(record).toMatchObject({
      code: 'network.port-taken',
      hint: `publish another port, or delete that container: tsubo delete --force ${id}`,
    });
  });

  test.each([
    ['another network', ['--network', 'web'], 'network web needs root'],
    ['two networks', ['--network', 'default', '--network', 'web'], 'network web needs root'],
    ['an address', ['--network', 'default:ip=10.63.0.9'], 'a chosen address of a container needs root'],
  ])('is refused with %s', (_, flags, text) => {
    const { record } = lan.refuses(flags, unprivileged);
    expect(record).toMatchObject({ code: 'host.unsupported', document: '--network' });
    expect(record.msg).toContain(text);
  });

  test('is refused on a host without a default route, with the output of the program', () => {
    lan.ip('route del default');
    lan.ip('-6 route del default');
    const { record } = lan.refuses(['--network', 'default'], unprivileged);
    expect(record.code).toBe('network.program');
    expect(record.msg).toMatch(/pasta cannot connect the container: \S/);
    expect(programs()).toEqual([]);
  });

  test('leaves no program and no port after its create was killed', async () => {
    for (let when = 1; ; when++) {
      const bundle = lan.bundle(unprivileged);
      const wrapper = ['strace', '-qq', '-o', '/dev/null', '-e', `inject=rename:signal=KILL:when=${when}`];
      const done = lan.ociBy(wrapper, 'create', '--bundle', bundle.dir, '-p', '8800:80', bundle.id);
      if (done.status === 0) break;
      await until('the program has ended', () => programs().length === 0);
      const next = running('-p', '8800:80');
      lan.must('delete', '--force', next.id);
      lan.must('delete', '--force', bundle.id);
      await until('the next program has ended', () => programs().length === 0);
      // At least the record is written with the init.
      expect(when).toBeLessThan(20);
    }
  });

  test('is in its plan', () => {
    const { dir } = lan.bundle(unprivileged);
    const plan = lan.must('plan', '-p', '127.0.0.1:8800:80', dir).split('\n');
    const named = plan.filter(line => line.endsWith(' --publish')).map(line => line.trim());
    expect(named.map(line => line.split(/ +/)[1])).toEqual([
      'reservePorts',
      'writeNetworkFiles',
      'connectNetwork',
    ]);
    expect(named[2]).toMatch(/program=\S+\/pasta name=eth0 ports=\[127\.0\.0\.1:8800:80\/tcp\]/);
  });
});

describe.skipIf(!isTsubo || requires('root', 'busybox', 'ip'))('a network of a user without pasta', () => {
  const box = sandbox('unified', asUser('/usr/bin/env', 'PATH=/nonexistent'));
  prepareUser(box);
  const lan = networkMachine({}, box);

  test('is refused with the package to install', () => {
    const { record } = lan.refuses(['--publish', '8800:80'], unprivileged);
    expect(record).toMatchObject({ code: 'network.program', document: '--publish', value: 'pasta' });
    expect(record['hint']).toContain('install passt');
  });
});

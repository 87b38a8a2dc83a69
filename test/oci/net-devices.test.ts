// SPDX-License-Identifier: Apache-2.0
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Bundle } from '../helpers/bundle.ts';
import { requires } from '../helpers/requires.ts';
import { isTsubo, runs } from '../helpers/runtime.ts';
import { sandbox } from '../helpers/sandbox.ts';

/** Network devices came with 1.4: older versions ignore them silently. */
const old = runs('runc 1.1');

interface Link {
  readonly ifname: string;
  readonly mtu: number;
  readonly address: string;
  readonly flags: readonly string[];
  readonly addr_info: readonly {
    readonly local: string;
    readonly prefixlen: number;
    readonly broadcast?: string;
    readonly scope: string;
    readonly label?: string;
    readonly metric?: number;
  }[];
}

describe.skipIf(old || requires('root', 'busybox', 'ip'))('the network devices of a container', () => {
  const box = sandbox();
  const holders: ChildProcess[] = [];
  /** The namespace of the runtime, made for this test, with a pair `jar0`, `peer`. */
  let host = 0;

  async function namespace(): Promise<number> {
    const holder = box.view.spawn(['unshare', '-n', 'sh', '-c', 'echo ready; exec cat']);
    holders.push(holder);
    if (holder.stdout !== null) await once(holder.stdout, 'data');
    return holder.pid as number;
  }
  beforeEach(async () => {
    host = await namespace();
    ip(host, 'link add jar0 type veth peer name peer');
  });
  afterEach(() => {
    for (const holder of holders.splice(0)) holder.kill('SIGKILL');
  });

  const within = (pid: number) => ['/usr/bin/nsenter', `--net=/proc/${pid}/ns/net`, '--'];
  const ip = (pid: number, words: string) =>
    box.view.sh('exec "$@"', ...within(pid), 'ip', ...words.split(' '));
  const links = (pid: number): Link[] => JSON.parse(ip(pid, '-j address show')) as Link[];
  const linkOf = (pid: number, name: string) => links(pid).find(({ ifname }) => ifname === name);
  const names = (pid: number) =>
    links(pid)
      .map(({ ifname }) => ifname)
      .filter(name => name !== 'lo')
      .sort();
  /** To a file: a container keeps its streams open. */
  const oci = (...args: string[]) => {
    const log = box.fresh('log');
    const command = box.command('--log', log, '--log-format', 'json', ...args);
    const { status } = box.view.exec([...within(host), ...command], {
      stdio: ['ignore', 'ignore', 'ignore'],
    });
    return { status, log: existsSync(log) ? readFileSync(log, 'utf8') : '' };
  };
  const bundleWith = (devices: Record<string, { name?: string }>, modify?: (bundle: Bundle) => void) =>
    box.bundle(made => {
      made.config.process.args = ['/bin/sleep', '1000'];
      made.config.linux.netDevices = devices;
      modify?.(made);
    });
  /** Its pid. */
  const created = (...args: Parameters<typeof bundleWith>): number => {
    const bundle = bundleWith(...args);
    const done = oci('create', '--bundle', bundle.dir, bundle.id);
    if (done.status !== 0) throw new Error(done.log);
    return box.state(bundle.id).pid;
  };
  const refused = (...args: Parameters<typeof bundleWith>): Record<string, unknown> => {
    const bundle = bundleWith(...args);
    const done = oci('create', '--bundle', bundle.dir, bundle.id);
    expect(done.status).toBe(1);
    const line = done.log.split('\n').find(text => text.includes('"level":"error"'));
    return JSON.parse(line ?? '{}') as Record<string, unknown>;
  };

  test('are in it, up, and no longer in the namespace of the runtime', () => {
    const pid = created({ jar0: {} });
    expect(names(pid)).toEqual(['jar0']);
    expect(linkOf(pid, 'jar0')?.flags).toContain('UP');
    expect(names(host)).toEqual(['peer']);
  });

  test('keep their hardware address, MTU, alias and permanent addresses of global scope', () => {
    ip(host, 'link set jar0 mtu 1789 address 02:11:22:33:44:55 alias a-jar');
    ip(host, 'address add 192.0.2.7/24 broadcast 192.0.2.255 dev jar0 label jar0:web');
    ip(host, 'address add 192.0.2.8/24 dev jar0 metric 77 noprefixroute');
    ip(host, 'address add 2001:db8::7/64 dev jar0');
    ip(host, 'address add 127.0.0.33/8 dev jar0 scope host');
    ip(host, 'address add 198.51.100.1/24 dev jar0 scope link');
    ip(host, 'address add 203.0.113.1/24 dev jar0 valid_lft 900 preferred_lft 900');
    const pid = created({ jar0: { name: 'in0' } });
    const link = linkOf(pid, 'in0');
    expect(ip(pid, 'link show in0')).toContain('alias a-jar');
    expect(link).toMatchObject({ mtu: 1789, address: '02:11:22:33:44:55' });
    expect(link?.addr_info.filter(({ scope }) => scope !== 'link')).toMatchObject([
      {
        local: '192.0.2.7',
        prefixlen: 24,
        broadcast: '192.0.2.255',
        ...(isTsubo && { label: 'in0:web' }),
      },
      { local: '192.0.2.8', prefixlen: 24, ...(isTsubo && { metric: 77, noprefixroute: true }) },
      { local: '2001:db8::7', prefixlen: 64 },
    ]);
  });

  test('have their new names', () => {
    expect(names(created({ jar0: { name: 'eth0' }, peer: { name: 'jar0' } }))).toEqual(['eth0', 'jar0']);
    expect(names(host)).toEqual([]);
  });

  test('have the first free names of a template', () => {
    ip(host, 'link add jar1 type veth peer name eth0');
    const pid = created({ jar0: { name: 'eth%d' }, jar1: { name: 'eth%d' }, peer: {} });
    expect(names(pid)).toEqual(['eth0', 'eth1', 'peer']);
    expect(names(host)).toEqual(['eth0']);
  });

  test('are moved before the sysctls are written', () => {
    const pid = created({ jar0: { name: 'in0' } }, made => {
      made.config.linux.sysctl = { 'net.ipv4.conf.in0.forwarding': '1' };
    });
    expect(box.view.sh('exec "$@"', ...within(pid), 'sysctl', '-n', 'net.ipv4.conf.in0.forwarding')).toBe(
      '1\n',
    );
  });

  test('stay in a joined namespace after the end of the container', async () => {
    const other = await namespace();
    const bundle = bundleWith({ jar0: {} }, made => made.namespace('network', `/proc/${other}/ns/net`));
    expect(oci('create', '--bundle', bundle.dir, bundle.id).status).toBe(0);
    expect(names(other)).toEqual(['jar0']);
    box.must(['delete', '--force', bundle.id]);
    expect(names(other)).toEqual(['jar0']);
  });

  test('that do not exist fail the create at their place', () => {
    const record = refused({ no0: {} });
    expect(record['msg']).toContain('link not found for interface no0');
    if (isTsubo) expect(record).toMatchObject({ pointer: '/linux/netDevices/no0', errnoName: 'ENODEV' });
  });

  test.each(['jar0', 'taken'])('are restored when the name %s is taken', async name => {
    const other = await namespace();
    ip(other, `link add ${name} type veth peer name other`);
    ip(host, 'address add 192.0.2.7/24 dev jar0');
    ip(host, 'link set jar0 up');
    const before = linkOf(host, 'jar0');
    const record = refused({ jar0: { name } }, made => made.namespace('network', `/proc/${other}/ns/net`));
    expect(record['msg']).toMatch(/file exists/);
    if (isTsubo) {
      const pointer = `/linux/netDevices/jar0${name === 'jar0' ? '' : '/name'}`;
      expect(record).toMatchObject({ pointer, errnoName: 'EEXIST' });
      const after = linkOf(host, 'jar0');
      expect(after).toMatchObject({ flags: before?.flags, address: before?.address });
      expect(after?.addr_info[0]).toMatchObject({ local: '192.0.2.7', prefixlen: 24, label: 'jar0' });
      expect(names(other)).toEqual(['other', name].sort());
    }
  });

  test('are restored when the create fails later', () => {
    ip(host, 'address add 192.0.2.7/24 dev jar0');
    const record = refused({ jar0: { name: 'eth%d' }, peer: {} }, made => {
      made.config.process.args = ['/bin/nothing'];
    });
    expect(record['msg']).toContain('no such file or directory');
    if (!isTsubo) return;
    expect(names(host)).toEqual(['jar0', 'peer']);
    expect(linkOf(host, 'jar0')?.addr_info[0]).toMatchObject({ local: '192.0.2.7', label: 'jar0' });
    expect(linkOf(host, 'jar0')?.flags).not.toContain('UP');
  });

  test('cannot be moved within one namespace', () => {
    const path = `/proc/${host}/ns/net`;
    const record = refused({ jar0: {} }, made => made.namespace('network', path));
    if (isTsubo) expect(record).toMatchObject({ code: 'config.net-device', pointer: '/linux/netDevices' });
    expect(names(host)).toEqual(['jar0', 'peer']);
  });

  test('cannot include lo', () => {
    const record = refused({ lo: { name: 'lo1' } });
    if (isTsubo) expect(record).toMatchObject({ pointer: '/linux/netDevices/lo', errnoName: 'EINVAL' });
  });
});

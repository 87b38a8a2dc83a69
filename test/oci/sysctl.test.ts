// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { Bundle } from '../helpers/bundle.ts';
import { requires } from '../helpers/requires.ts';
import { isTsubo, skipWhere } from '../helpers/runtime.ts';
import { sandbox } from '../helpers/sandbox.ts';

describe.skipIf(requires('root', 'busybox'))('the sysctl of a container', () => {
  const box = sandbox();

  const having = (sysctl: Record<string, string>) => (bundle: Bundle) => {
    bundle.config.linux.sysctl = sysctl;
  };
  const host = (path: string) => readFileSync(`/proc/sys/${path}`, 'utf8').trim();

  test.each([
    ['net.ipv4.ip_unprivileged_port_start', 'net/ipv4/ip_unprivileged_port_start', '77'],
    ['net.ipv4.conf.lo.forwarding', 'net/ipv4/conf/lo/forwarding', '1'],
    ['net/ipv4/ip_default_ttl', 'net/ipv4/ip_default_ttl', '33'],
    ['kernel.msgmax', 'kernel/msgmax', '4096'],
    ['kernel.shm_rmid_forced', 'kernel/shm_rmid_forced', '1'],
    ['kernel.msgmnb', 'kernel/msgmnb', '4097'],
    ['kernel.msgmni', 'kernel/msgmni', '98'],
    ['kernel.sem', 'kernel/sem', '251 32001 33 129'],
    ['kernel.shmall', 'kernel/shmall', '1048577'],
    ['kernel.shmmax', 'kernel/shmmax', '1048577'],
    ['kernel.shmmni', 'kernel/shmmni', '99'],
    ['kernel.domainname', 'kernel/domainname', 'of.a.jar'],
    ['fs.mqueue.msg_max', 'fs/mqueue/msg_max', '7'],
    ['fs.mqueue.queues_max', 'fs/mqueue/queues_max', '9'],
  ])('%s is set, only for the container', (name, path, value) => {
    const before = host(path);
    expect(before).not.toBe(value);
    const report = box.inside(having({ [name]: value }), { probe: [`/proc/sys/${path}`] });
    expect(report.probes[`/proc/sys/${path}`]?.read?.text?.trim().split(/\s+/).join(' ')).toBe(value);
    expect(host(path)).toBe(before);
  });

  test('of a user namespace is set in it', context => {
    skipWhere(context, 'runc 1.1', 'refuses such sysctls');
    const before = host('user/max_uts_namespaces');
    const path = '/proc/sys/user/max_uts_namespaces';
    const report = box.inside(
      made => {
        made.userNamespace();
        having({ 'user.max_uts_namespaces': '12' })(made);
      },
      { probe: [path] },
    );
    expect(report.probes[path]?.read?.text?.trim()).toBe('12');
    expect(host('user/max_uts_namespaces')).toBe(before);
  });

  test('is set even if /proc/sys is readonly', () => {
    const report = box.inside(having({ 'net.ipv4.ip_default_ttl': '33' }), {
      probe: ['/proc/sys/net/ipv4/ip_default_ttl'],
    });
    expect(report.probes['/proc/sys/net/ipv4/ip_default_ttl']).toMatchObject({
      read: { text: '33\n' },
      write: 30,
    });
  });

  test('is set even without a /proc in the container', context => {
    skipWhere(context, 'runc 1.1', 'needs the /proc of the container for it');
    const bundle = box.created(made => {
      having({ 'net.ipv4.ip_default_ttl': '33' })(made);
      made.unmount('/proc');
      made.config.linux.maskedPaths = [];
      made.config.linux.readonlyPaths = [];
    });
    // The entries below net/ are those of the network namespace of the reading process.
    const seen = box.view.sh(
      'nsenter --net --target "$1" cat /proc/sys/net/ipv4/ip_default_ttl',
      String(box.state(bundle.id).pid),
    );
    expect(seen).toBe('33\n');
  });

  describe('in a user namespace with the pid namespace of the host', () => {
    const rootless = (bundle: Bundle) => {
      having({ 'net.ipv4.ping_group_range': '0 0' })(bundle);
      bundle.userNamespace();
      bundle.namespace('pid');
      bundle.mount('/proc').type = 'bind';
      bundle.mount('/proc').source = '/proc';
      bundle.mount('/proc').options.push('rbind');
      bundle.config.linux.maskedPaths = [];
      bundle.config.linux.readonlyPaths = [];
      bundle.shell('cat /proc/sys/net/ipv4/ping_group_range');
    };

    test('is set, although the kernel denies a new procfs there', () => {
      const before = box.view.sh('cat /proc/sys/net/ipv4/ping_group_range');
      expect(box.run(box.bundle(rootless)).stdout).toBe('0\t0\n');
      expect(box.view.sh('cat /proc/sys/net/ipv4/ping_group_range')).toBe(before);
    });

    test('is set even without a /proc in the container', context => {
      skipWhere(context, 'runc 1.1', 'needs the /proc of the container for it');
      const bundle = box.created(made => {
        rootless(made);
        made.unmount('/proc');
        made.config.process.args = ['/bin/sleep', '1000'];
      });
      const { pid } = box.state(bundle.id);
      // In group ids of the host.
      const seen = box.view.sh(
        'nsenter --net --target "$1" cat /proc/sys/net/ipv4/ping_group_range',
        String(pid),
      );
      expect(seen).toBe('100000\t100000\n');
    });

    test('is not written to a mount over its file', context => {
      skipWhere(context, 'runc', 'writes to the covering mount');
      const bundle = box.bundle(rootless);
      const covered = box.fresh('covered');
      const script =
        'mkdir -p "$1/net/ipv4" && echo untouched >"$1/net/ipv4/ping_group_range" && chmod -R a+rwX "$1" && mount --bind "$1" /proc/sys && shift && exec "$@"';
      const done = box.view.exec([
        ...['/bin/unshare', '--mount', '/bin/sh', '-c', script, 'sh', covered],
        ...box.command('run', '--bundle', bundle.dir, bundle.id),
      ]);
      expect(done.status).toBe(1);
      expect(readFileSync(`${covered}/net/ipv4/ping_group_range`, 'utf8')).toBe('untouched\n');
      expect(done.stderr).toContain('open sysctl net.ipv4.ping_group_range file: invalid cross-device link');
      if (isTsubo) expect(done.stderr).toContain('/linux/sysctl/net.ipv4.ping_group_range');
    });
  });

  test.each<[string, string, (bundle: Bundle) => void, RegExp]>([
    [
      'belongs to the whole machine',
      'vm.overcommit_memory',
      () => {},
      /is not in a separate kernel namespace/,
    ],
    ['is the host name', 'kernel.hostname', () => {}, /hostname/],
    ['is unknown', 'kernel.nope', () => {}, /is not in a separate kernel namespace/],
    ['belongs to the network of the host', 'net.ipv4.ip_default_ttl', b => b.namespace('network'), /net/],
    ['belongs to the ipc namespace of the host', 'kernel.msgmax', b => b.namespace('ipc'), /ipc/],
  ])('is refused when it %s', (_, name, modify, text) => {
    const bundle = box.bundle(made => {
      having({ [name]: '1' })(made);
      modify(made);
    });
    const failure = box.refuses(bundle);
    expect(failure.message).toMatch(text);
    if (isTsubo) expect(failure.record.pointer).toBe(`/linux/sysctl/${name}`);
  });

  test('is refused when the network joined by path is that of the host', () => {
    const bundle = box.bundle(made => {
      having({ 'net.ipv4.ip_default_ttl': '33' })(made);
      made.namespace('network', `/proc/${box.view.pid}/ns/net`);
    });
    expect(box.refuses(bundle).message).toMatch(/net/);
  });

  test('with a value that the kernel refuses is refused', () => {
    const failure = box.refuses(box.bundle(having({ 'net.ipv4.ip_default_ttl': 'much' })));
    expect(failure.message).toContain('invalid argument');
    if (isTsubo) expect(failure.record.pointer).toBe('/linux/sysctl/net.ipv4.ip_default_ttl');
  });
});

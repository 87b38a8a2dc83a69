// SPDX-License-Identifier: Apache-2.0
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Bundle } from '../helpers/bundle.ts';
import { networkMachine } from '../helpers/network.ts';
import { requires } from '../helpers/requires.ts';
import { isTsubo } from '../helpers/runtime.ts';

const skipped = !isTsubo || requires('root', 'busybox', 'ip', 'ps');

describe.skipIf(skipped)('the names of a container with a network', () => {
  const lan = networkMachine();

  /** The output of a container with this resolv.conf on the host, and the warnings of the runtime. */
  const printed = (
    resolvConf: string,
    script: string,
    modify?: (bundle: Bundle) => void,
    network = 'default',
  ) => {
    const bundle = lan.bundle(made => {
      made.shell(script);
      modify?.(made);
    });
    const file = lan.box.fresh('resolv');
    writeFileSync(file, resolvConf);
    const mount = ['unshare', '-m', 'sh', '-c', 'mount --bind "$0" /etc/resolv.conf && exec "$@"', file];
    const done = lan.ociBy(mount, 'run', '--network', network, '--bundle', bundle.dir, bundle.id);
    return { ...done, warnings: done.log.filter(({ level }) => level === 'warning').map(({ msg }) => msg) };
  };
  const all = 'cat /etc/hosts /etc/resolv.conf';

  test('are in its hosts file, and its resolv.conf has the servers that it can reach', () => {
    const host = 'nameserver 127.0.0.53\nnameserver 192.0.2.53\nsearch example.org\n';
    const { stdout, warnings } = printed(
      host,
      all,
      made => {
        made.config.hostname = 'jar';
      },
      'default:alias=pot',
    );
    expect(stdout).toMatch(/^10\.63\.0\.2\tjar jar-\S+ pot$/m);
    expect(stdout).toMatch(/^fd[0-9a-f:]+::2\tjar jar-\S+ pot$/m);
    expect(stdout.endsWith('nameserver 192.0.2.53\nsearch example.org\n')).toBe(true);
    expect(warnings.filter(text => text.includes('name server'))).toEqual([]);
  });

  test('are not resolved without a server that it can reach, and a warning reports it', () => {
    const { stdout, warnings } = printed('nameserver 127.0.0.1\n', all);
    expect(stdout.endsWith('# no name server of the host can be reached from here\n')).toBe(true);
    expect(stdout).not.toContain('nameserver');
    expect(warnings).toContainEqual(expect.stringContaining('no name server of the host can be reached'));
  });

  test('have the host name in a file, if the container has its own', () => {
    const script = 'cat /etc/hostname; hostname';
    const named = printed('nameserver 192.0.2.53\n', script, made => {
      made.config.hostname = 'jar';
    });
    expect(named.stdout).toBe('jar\njar\n');
    const unnamed = printed('nameserver 192.0.2.53\n', 'ls /etc', made => {
      delete made.config.hostname;
    });
    expect(unnamed.stdout.split('\n')).toContain('hosts');
    expect(unnamed.stdout.split('\n')).not.toContain('hostname');
  });

  test('are in the files of the others while it runs, under its aliases too', () => {
    lan.must('network', 'create', '--subnet', '10.20.0.0/24', '--no-ipv6', 'web');
    const first = lan.running(['--network', 'web']);
    /** The addresses that a C library finds in the file, which the container has open as its own /etc/hosts. */
    const found = (id: string, name: string) => {
      const script = 'mount --bind "$0" /etc/hosts && exec getent -s files hosts "$1"';
      const hosts = lan.box.fresh('hosts');
      writeFileSync(hosts, lan.must('exec', id, 'cat', '/etc/hosts'));
      const { stdout } = lan.box.view.exec(['unshare', '-m', 'sh', '-c', script, hosts, name]);
      return stdout.split(/\s/)[0];
    };
    const second = lan.running(['--network', 'web:alias=db'], made => {
      made.config.hostname = 'store';
    });
    expect(['db', 'store', second.id].map(name => found(first.id, name))).toEqual(Array(3).fill('10.20.0.3'));
    expect(found(second.id, first.id)).toBe('10.20.0.2');
    lan.must('delete', '--force', second.id);
    expect(found(first.id, 'db')).toBe('');
    expect(found(first.id, first.id)).toBe('10.20.0.2');
  });

  test('are not in the files of others in the default network', () => {
    const first = lan.running(['--network', 'default']);
    const second = lan.running(['--network', 'default']);
    expect(lan.must('exec', first.id, 'cat', '/etc/hosts')).not.toContain(second.id);
  });

  test('are in files of its own, which it may change', () => {
    const change = `echo 203.0.113.1 far >>/etc/hosts && ${all} && stat -c %a /etc/hosts`;
    const { stdout } = printed('nameserver 192.0.2.53\n', change);
    expect(stdout).toContain('203.0.113.1 far\n');
    expect(stdout.endsWith('644\n')).toBe(true);
    expect(printed('nameserver 192.0.2.53\n', all).stdout).not.toContain('far');
  });

  test('are those of the config where it mounts a file itself', () => {
    const own = lan.box.fresh('hosts');
    writeFileSync(own, '192.0.2.7 own\n');
    const { stdout } = printed('nameserver 192.0.2.53\n', all, made => {
      made.config.mounts.push({ destination: '/etc/hosts', type: 'bind', source: own, options: ['bind'] });
    });
    expect(stdout).toBe('192.0.2.7 own\nnameserver 192.0.2.53\n');
  });

  test('are refused with the option if the root file system has a directory in the place of a file', () => {
    const { status, log } = printed('nameserver 192.0.2.53\n', all, made => made.directory('/etc/hosts'));
    expect(status).toBe(1);
    const error = log.find(({ level }) => level === 'error');
    expect(error).toMatchObject({ code: 'container.mount', document: '--network /etc/hosts' });
  });

  describe('in a read-only root file system', () => {
    const files = ['hostname', 'hosts', 'resolv.conf'];
    /** Runs a container that shows its /etc, on a machine where its root directory is mounted read-only. */
    const run = (modify: (bundle: Bundle) => void, wrap = true) => {
      const bundle = lan.bundle(made => {
        made.shell('cat /etc/hosts; ls /etc');
        made.config.hostname = 'jar';
        modify(made);
      });
      const script = 'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && exec "$@"';
      const wrapper = wrap ? ['unshare', '-m', 'sh', '-c', script, bundle.rootfs] : [];
      const done = lan.ociBy(wrapper, 'run', '--network', 'default', '--bundle', bundle.dir, bundle.id);
      const warnings = done.log.filter(({ level }) => level === 'warning').map(({ msg }) => msg);
      return { ...done, warnings: warnings.filter(text => text.includes('the container gets no')) };
    };
    const leftOut = [
      'the container gets no /etc/hostname, no /etc/hosts, no /etc/resolv.conf: its root file system has no such ' +
        'file, and the runtime does not make one there; add empty files to the root file system (--network)',
    ];

    test('are left out with a warning if it lacks the files', () => {
      const { status, stdout, warnings } = run(() => {});
      expect(status).toBe(0);
      expect(stdout).not.toContain('hosts');
      expect(warnings).toEqual(leftOut);
    });

    test('are there if it has the files', () => {
      const { stdout, warnings } = run(made => {
        for (const name of files) made.file(`/etc/${name}`);
      });
      expect(stdout).toContain('10.63.0.2\tjar');
      expect(warnings).toEqual([]);
    });

    test('are there or left out with layers and without an upper one', () => {
      const layered = (own: readonly string[], whiteouts: readonly string[]) =>
        run(made => {
          for (const name of own) made.file(`/etc/${name}`);
          const layer = lan.box.mkdir(`layer-${whiteouts.length}-${own.length}`);
          mkdirSync(join(layer, 'etc'), { recursive: true });
          for (const name of whiteouts) lan.in(lan.pid, 'mknod', join(layer, 'etc', name), 'c', '0', '0');
          const options = [`lowerdir=${layer}:${made.rootfs}`];
          made.config.mounts.unshift({ destination: '/', type: 'overlay', source: 'overlay', options });
        }, false);
      expect(layered(files, []).stdout).toContain('10.63.0.2\tjar');
      expect(layered([], []).warnings).toEqual(leftOut);
      const removed = layered(files, files);
      expect([removed.status, removed.warnings]).toEqual([0, leftOut]);
    });
  });

  test.each([
    ['are', true],
    ['are not, if the root file system has no such files,', false],
  ])('%s in a container with a user namespace', (_, exist) => {
    const { status, stdout } = printed(
      'nameserver 192.0.2.53\n',
      'cat /etc/hosts /etc/resolv.conf; ls /bin',
      made => {
        made.config.linux.namespaces.push({ type: 'user' });
        const mapping = [{ containerID: 0, hostID: 100_000, size: 65_536 }];
        made.config.linux.uidMappings = mapping;
        made.config.linux.gidMappings = mapping;
        if (!exist) return;
        made.file('/etc/hosts');
        made.file('/etc/resolv.conf');
      },
    );
    expect(status).toBe(0);
    expect([stdout.includes('10.63.0.2\t'), stdout.includes('nameserver 192.0.2.53\n')]).toEqual([
      exist,
      exist,
    ]);
  });
});

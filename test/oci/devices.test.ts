// SPDX-License-Identifier: Apache-2.0
import { chmodSync, existsSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { TestDevice } from '../helpers/config.ts';
import { parseReport } from '../helpers/inside.ts';
import { requires } from '../helpers/requires.ts';
import { disagrees, isTsubo } from '../helpers/runtime.ts';
import { sandbox } from '../helpers/sandbox.ts';

describe.skipIf(requires('root', 'busybox'))('the devices of a container', () => {
  const box = sandbox();

  test.each([
    ['null', 1, 3],
    ['zero', 1, 5],
    ['full', 1, 7],
    ['random', 1, 8],
    ['urandom', 1, 9],
    ['tty', 5, 0],
  ])('include /dev/%s without being asked', (name, major, minor) => {
    const node = box.inside(undefined, { probe: [`/dev/${name}`] }).probes[`/dev/${name}`];
    expect(node).toMatchObject({ kind: 'character', mode: 0o666, uid: 0, gid: 0, major, minor });
  });

  test('can be used by every user', () => {
    const report = box.inside(bundle => (bundle.config.process.user = { uid: 1000, gid: 1000 }), {
      probe: ['/dev/null', '/dev/zero', '/dev/urandom'],
    });
    for (const node of Object.values(report.probes)) expect(node.write).toBe(0);
    expect(report.probes['/dev/null']?.read?.text).toBe('');
    expect(report.probes['/dev/zero']?.read?.text).toMatch(/^\0{4096}$/);
    expect(report.probes['/dev/urandom']?.read?.text).toHaveLength(4096);
  });

  test.each<[string, string]>([
    ['fd', '/proc/self/fd'],
    ['stdin', '/proc/self/fd/0'],
    ['stdout', '/proc/self/fd/1'],
    ['stderr', '/proc/self/fd/2'],
    ['ptmx', 'pts/ptmx'],
    ...(existsSync('/proc/kcore') ? [['core', '/proc/kcore'] as [string, string]] : []),
  ])('are joined by the link /dev/%s', (name, target) => {
    const link = box.inside(undefined, { probe: [`/dev/${name}`] }).probes[`/dev/${name}`];
    expect(link).toMatchObject({ kind: 'symlink', target });
  });

  test('are nothing more than that', () => {
    const report = box.inside(undefined, { probe: ['/dev', '/proc/kcore'] });
    const core = report.probes['/proc/kcore']?.errno === undefined ? ['core'] : [];
    const expected = 'fd full mqueue null ptmx pts random shm stderr stdin stdout tty urandom zero'.split(
      ' ',
    );
    expect([...(report.probes['/dev']?.read?.entries ?? [])].sort()).toEqual([...core, ...expected].sort());
  });

  test.each<[string, TestDevice, object]>([
    [
      'a character device with mode and owner',
      { path: '/dev/jar/zero', type: 'c', major: 1, minor: 5, fileMode: 0o640, uid: 7, gid: 8 },
      { kind: 'character', mode: 0o640, uid: 7, gid: 8, major: 1, minor: 5 },
    ],
    [
      'an unbuffered one, which is a character device',
      { path: '/dev/other', type: 'u', major: 1, minor: 7, fileMode: 0o600 },
      { kind: 'character', mode: 0o600, major: 1, minor: 7 },
    ],
    [
      'a block device',
      { path: '/dev/block', type: 'b', major: 7, minor: 300, fileMode: 0o660, uid: 0, gid: 6 },
      { kind: 'block', mode: 0o660, uid: 0, gid: 6, major: 7, minor: 300 },
    ],
    ['a FIFO', { path: '/dev/pipe', type: 'p', fileMode: 0o622 }, { kind: 'fifo', mode: 0o622 }],
    [
      'one without mode and owner, which is open to all',
      { path: '/dev/open', type: 'c', major: 1, minor: 3 },
      { kind: 'character', mode: 0o666, uid: 0, gid: 0 },
    ],
    [
      'one outside of /dev',
      { path: '/srv/dev/null', type: 'c', major: 1, minor: 3, fileMode: 0o666 },
      { kind: 'character', major: 1, minor: 3 },
    ],
    [
      'one that replaces a default one',
      { path: '/dev/tty', type: 'c', major: 5, minor: 0, fileMode: 0o622, uid: 3, gid: 4 },
      { kind: 'character', mode: 0o622, uid: 3, gid: 4, major: 5, minor: 0 },
    ],
  ])('include %s', (_, device, expected) => {
    const report = box.inside(
      bundle => {
        bundle.config.linux.devices = [device];
      },
      { probe: [device.path] },
    );
    expect(report.probes[device.path]).toMatchObject(expected);
  });

  test('are made whatever the umask of the caller', () => {
    const bundle = box.bundle(made => {
      made.config.linux.devices = [{ path: '/dev/jar', type: 'c', major: 1, minor: 5, fileMode: 0o666 }];
      made.config.process.args.push('--probe', '/dev/jar', '/dev/null');
    });
    const command = box.command('run', '--bundle', bundle.dir, bundle.id);
    const done = box.view.exec(['/bin/sh', '-c', 'umask 0777; exec "$@"', 'sh', ...command]);
    const report = parseReport(done.stdout);
    expect(report.probes['/dev/jar']?.mode).toBe(0o666);
    expect(report.probes['/dev/null']?.mode).toBe(0o666);
  });

  test('leave the ptmx link alone', () => {
    const report = box.inside(
      bundle => {
        bundle.config.linux.devices = [{ path: '/dev/ptmx', type: 'c', major: 5, minor: 2, fileMode: 0o666 }];
      },
      { probe: ['/dev/ptmx'] },
    );
    expect(report.probes['/dev/ptmx']).toMatchObject({ kind: 'symlink', target: 'pts/ptmx' });
  });

  test('may be there already when they are the right ones', () => {
    const report = box.inside(
      bundle => {
        bundle.unmount('/dev');
        box.view.sh('mknod "$1" c 1 3', bundle.inRoot('dev/null'));
        chmodSync(bundle.inRoot('dev/null'), 0o600);
      },
      { probe: ['/dev/null'] },
    );
    const mode = disagrees('runc 1.1', 'leaves the mode of a device that is there already') ? 0o600 : 0o666;
    expect(report.probes['/dev/null']).toMatchObject({ kind: 'character', mode, major: 1, minor: 3 });
  });

  test.each([
    ['a node of another device', 'mknod "$1" c 1 5'],
    ['a node of another type', 'mknod "$1" b 1 3'],
    ['a file', 'touch "$1"'],
    ['a link', 'ln -s /etc/passwd "$1"'],
  ])('are refused where there is %s', (_, script) => {
    const bundle = box.bundle(made => {
      made.unmount('/dev');
      made.config.linux.devices = [{ path: '/dev/jar', type: 'c', major: 1, minor: 3 }];
      box.view.sh(script, made.inRoot('dev/jar'));
    });
    if (disagrees('runc 1.1', 'takes whatever is at the place of a device for the device')) {
      expect(box.run(bundle).status).toBe(0);
      return;
    }
    const failure = box.refuses(bundle);
    expect(failure.message).toContain('/dev/jar');
    if (isTsubo) expect(failure.record.pointer).toMatch(/^\/linux\/devices\/0/);
  });

  test('are not made in a /dev that comes from outside', () => {
    const dev = box.mkdir('dev');
    box.view.sh('mknod -m 666 "$1/null" c 1 3', dev);
    const report = box.inside(
      bundle => {
        bundle.unmount('/dev');
        bundle.config.mounts.push({ destination: '/dev', type: 'bind', source: dev, options: ['rbind'] });
        bundle.config.linux.maskedPaths = [];
        bundle.config.linux.devices = [{ path: '/dev/jar', type: 'c', major: 1, minor: 3 }];
      },
      { probe: ['/dev'] },
    );
    expect(report.probes['/dev']?.read?.entries).toEqual(['null']);
  });

  test('never land outside of the root, whatever /dev is there', () => {
    const outside = box.mkdir('outside');
    const bundle = box.bundle(made => {
      made.unmount('/dev');
      box.view.sh('rmdir "$1"; ln -s "$2" "$1"', made.inRoot('dev'), outside);
      made.config.linux.maskedPaths = [];
    });
    box.run(bundle);
    const made = box.view.sh('ls -A "$1"', outside);
    if (
      disagrees('runc 1.1', 'makes the links of /dev wherever a link in its place leads (CVE-2026-41579)')
    ) {
      expect(made).toContain('ptmx');
    } else {
      expect(made).toBe('');
    }
  });
});

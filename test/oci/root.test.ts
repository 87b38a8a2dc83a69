// SPDX-License-Identifier: Apache-2.0
import { cpSync, mkdirSync, readdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { bind } from '../helpers/bundle.ts';
import { mountAt } from '../helpers/inside.ts';
import { requires } from '../helpers/requires.ts';
import { disagrees, isTsubo } from '../helpers/runtime.ts';
import { sandbox } from '../helpers/sandbox.ts';

const EROFS = 30;

describe.skipIf(requires('root', 'busybox'))('the root of a container', () => {
  const box = sandbox();

  test('is the rootfs of the bundle', () => {
    let expected: string[] = [];
    const report = box.inside(bundle => (expected = readdirSync(bundle.rootfs)), { probe: ['/', '/..'] });
    expect([...(report.probes['/']?.read?.entries ?? [])].sort()).toEqual(expected.sort());
    expect(report.probes['/..']?.ino).toBe(report.probes['/']?.ino);
  });

  test('has only the mounts of the config', () => {
    const report = box.inside(bundle => {
      bundle.config.linux.maskedPaths = [];
      bundle.config.linux.readonlyPaths = [];
    });
    expect(report.mounts.map(mount => mount.target)).toEqual([
      '/',
      '/proc',
      '/dev',
      '/dev/pts',
      '/dev/shm',
      '/dev/mqueue',
      '/sys',
      '/sys/fs/cgroup',
    ]);
  });

  test.skipIf(!isTsubo).each([
    ['sh', ['/etc/resolv.conf'], 'is empty'],
    ['/bin/sh', [], 'is empty'],
    ['sh', ['/etc/resolv.conf', '/opt'], 'is in none of the directories of PATH'],
    ['/bin/sh', ['/opt'], 'the path is looked up in the root file system'],
  ])(
    'without files is the cause of the missing program %s, with others it is not: %j',
    (name, paths, words) => {
      const bundle = box.bundle(made => {
        rmSync(made.rootfs, { recursive: true });
        mkdirSync(made.rootfs);
        made.config.process.args = [name];
        made.config.mounts.push(bind('/etc/passwd', '/etc/resolv.conf'));
        for (const path of paths) made.file(path, '');
      });
      const { record } = box.refuses(bundle);
      expect(record).toMatchObject({ code: 'container.program-not-found', pointer: '/process/args/0' });
      expect(record['hint']).toContain(words);
      const { problems } = JSON.parse(box.oci(['check', '--format', 'json', bundle.dir]).stdout) as {
        problems: { hint: string }[];
      };
      // With the directories that create has made.
      expect(problems.map(({ hint }) => hint)).toEqual([record['hint']]);
    },
  );

  test('is writable if readonly is false', () => {
    const report = box.inside(undefined, { probe: ['/', '/etc/passwd'] });
    expect(mountAt(report, '/').options).toContain('rw');
    expect(report.probes['/']?.write).toBe(0);
    expect(report.probes['/etc/passwd']?.write).toBe(0);
  });

  test('is writable by default', () => {
    const report = box.inside(bundle => {
      delete bundle.config.root.readonly;
    });
    expect(mountAt(report, '/').options).toContain('rw');
  });

  test('is not writable if readonly is true, but the mounts in it are', () => {
    const report = box.inside(bundle => (bundle.config.root.readonly = true), {
      probe: ['/', '/etc/passwd', '/dev/shm', '/dev/null'],
    });
    expect(mountAt(report, '/').options).toContain('ro');
    expect(report.probes['/']?.write).toBe(EROFS);
    expect(report.probes['/etc/passwd']?.write).toBe(EROFS);
    expect(report.probes['/dev/shm']?.write).toBe(0);
    expect(report.probes['/dev/null']?.write).toBe(0);
  });

  test('contains created mount targets and the working directory also if it is readonly', () => {
    const report = box.inside(bundle => {
      bundle.config.root.readonly = true;
      bundle.config.process.cwd = '/made';
      bundle.config.mounts.push({ destination: '/new/target', type: 'tmpfs', source: 'tmpfs' });
    });
    expect(report.cwd).toBe('/made');
    expect(mountAt(report, '/new/target').type).toBe('tmpfs');
  });

  test.each(['nosuid', 'nodev', 'noatime'])('keeps %s of the mount it comes from, readonly or not', flag => {
    for (const readonly of [false, true]) {
      const bundle = box.bundle(made => {
        made.config.root.readonly = readonly;
        made.shell('cat /proc/self/mountinfo');
      });
      box.view.sh(`mount --bind "$1" "$1"; mount -o remount,bind,${flag} "$1"`, bundle.rootfs);
      try {
        const options = box
          .run(bundle)
          .stdout.split('\n')
          .find(line => line.split(' ')[4] === '/')
          ?.split(' ')[5];
        const lost =
          readonly && flag !== 'noatime' && disagrees('runc 1.1', 'drops the other flags of a readonly root');
        expect(options?.split(',').includes(flag)).toBe(!lost);
        expect(options?.split(',')).toContain(readonly ? 'ro' : 'rw');
      } finally {
        box.view.sh('umount "$1"', bundle.rootfs);
      }
    }
  });

  test('includes the mounts below it', () => {
    const bundle = box.bundle(made => {
      made.directory('below');
      made.shell('cat /below/note');
    });
    box.view.sh('mount -t tmpfs tmpfs "$1" && echo seen >"$1/note"', bundle.inRoot('below'));
    try {
      expect(box.run(bundle).stdout).toBe('seen\n');
    } finally {
      box.view.sh('umount "$1"', bundle.inRoot('below'));
    }
  });

  test.each([
    ['relative to the bundle', () => 'rootfs'],
    ['relative with dots', () => './rootfs/.'],
    ['absolute', (dir: string) => join(dir, 'rootfs')],
  ])('may be %s', (_, path) => {
    const report = box.inside(bundle => {
      bundle.config.root.path = path(bundle.dir);
    });
    expect(report.exe).toBe('/bin/inside');
  });

  test('may be the bundle itself', () => {
    const bundle = box.bundle(made => {
      made.config.root.path = '.';
      made.config.process.args = ['/bin/cat', '/here'];
      writeFileSync(join(made.dir, 'here'), 'in the bundle');
      cpSync(join(made.rootfs, 'bin'), join(made.dir, 'bin'), { recursive: true, verbatimSymlinks: true });
    });
    expect(box.run(bundle).stdout).toBe('in the bundle');
  });

  test('is resolved relative to the bundle, from any working directory', () => {
    const bundle = box.bundle();
    const done = box.oci(['run', '--bundle', '.', bundle.id], { cwd: bundle.dir });
    expect(done.status).toBe(0);
    const without = box.oci(['run', bundle.id], { cwd: bundle.dir });
    expect(without.status).toBe(0);
  });

  test('that is a symbolic link is refused', () => {
    const bundle = box.bundle(made => {
      renameSync(made.rootfs, join(made.dir, 'real'));
      symlinkSync('real', made.rootfs);
    });
    const failure = box.refuses(bundle);
    expect(failure.message).toContain('not an absolute path, or a symlink');
    if (isTsubo) expect(failure.record.pointer).toBe('/root/path');
  });

  test('that does not exist is refused', () => {
    const failure = box.refuses(box.bundle(made => (made.config.root.path = 'nowhere')));
    expect(failure.message).toContain('nowhere');
    if (isTsubo) expect(failure.record.pointer).toBe('/root/path');
  });

  test('that is a file is refused', () => {
    const failure = box.refuses(box.bundle(made => (made.config.root.path = 'rootfs/etc/passwd')));
    if (isTsubo)
      expect(failure.record).toMatchObject({ code: 'bundle.rootfs-not-directory', pointer: '/root/path' });
  });

  describe('with --no-pivot', () => {
    test('is the rootfs of the bundle too', () => {
      let expected: string[] = [];
      const report = box.inside(bundle => (expected = readdirSync(bundle.rootfs)), {
        flags: ['--no-pivot'],
        probe: ['/', '/..'],
      });
      expect([...(report.probes['/']?.read?.entries ?? [])].sort()).toEqual(expected.sort());
      expect(report.probes['/..']?.ino).toBe(report.probes['/']?.ino);
    });

    test('can be readonly', () => {
      const report = box.inside(bundle => (bundle.config.root.readonly = true), {
        flags: ['--no-pivot'],
        probe: ['/'],
      });
      expect(report.probes['/']?.write).toBe(EROFS);
    });
  });
});

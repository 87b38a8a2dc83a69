// SPDX-License-Identifier: Apache-2.0
import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { type Bundle, bind } from '../helpers/bundle.ts';
import { mountAt, parseReport } from '../helpers/inside.ts';
import { parseMountinfo } from '../helpers/mountinfo.ts';
import { requires } from '../helpers/requires.ts';
import { disagrees, isTsubo, skipWhere } from '../helpers/runtime.ts';
import { sandbox } from '../helpers/sandbox.ts';

const EROFS = 30;
const ENOENT = 2;

describe.skipIf(requires('root', 'busybox'))('the paths of a container', () => {
  const box = sandbox();

  const masking =
    (...paths: string[]) =>
    (bundle: Bundle) => {
      bundle.file('secret/key', 'do not read');
      bundle.file('secret/deep/key', 'do not read');
      bundle.config.linux.maskedPaths = paths;
    };

  describe('that are masked', () => {
    test('are empty files if they are files', () => {
      const report = box.inside(masking('/secret/key'), { probe: ['/secret/key', '/dev/null'] });
      expect(report.probes['/secret/key']).toMatchObject({
        kind: 'character',
        major: 1,
        minor: 3,
        read: { text: '' },
      });
    });

    test('are empty unwritable directories if they are directories', () => {
      const report = box.inside(masking('/secret'), { probe: ['/secret', '/secret/key'] });
      expect(report.probes['/secret']).toMatchObject({
        kind: 'directory',
        read: { entries: [] },
        write: EROFS,
      });
      expect(report.probes['/secret/key']?.errno).toBe(ENOENT);
    });

    test('may be missing', () => {
      const report = box.inside(masking('/nowhere', '/proc/nowhere'), { probe: ['/nowhere'] });
      expect(report.probes['/nowhere']?.errno).toBe(ENOENT);
    });

    test('may be listed twice', () => {
      const report = box.inside(masking('/secret', '/secret', '/secret/key', '/etc/passwd', '/etc/passwd'), {
        probe: ['/secret', '/etc/passwd'],
      });
      expect(report.probes['/secret']?.read?.entries).toEqual([]);
      expect(report.probes['/etc/passwd']?.read?.text).toBe('');
    });

    test('are resolved through symbolic links', () => {
      const report = box.inside(
        bundle => {
          masking('/link', '/dirlink')(bundle);
          bundle.symlink('link', '/secret/key');
          bundle.symlink('dirlink', 'secret/deep');
        },
        { probe: ['/secret/key', '/secret/deep'] },
      );
      expect(report.probes['/secret/key']?.read?.text).toBe('');
      expect(report.probes['/secret/deep']?.read?.entries).toEqual([]);
    });

    test('are never outside the root', () => {
      const outside = box.mkdir('outside');
      const report = box.inside(
        bundle => {
          masking('/link')(bundle);
          bundle.symlink('link', `../../../../../../../..${outside}`);
        },
        { probe: ['/bin'] },
      );
      expect(report.mounts.some(mount => mount.target.includes('outside'))).toBe(false);
    });

    test('may be a device', () => {
      const report = box.inside(masking('/dev/zero'), { probe: ['/dev/zero'] });
      expect(report.probes['/dev/zero']).toMatchObject({ major: 1, minor: 3, read: { text: '' } });
    });

    test('may be a FIFO, which masking does not open', () => {
      const report = box.inside(
        bundle => {
          masking('/pipe')(bundle);
          box.view.sh('mkfifo "$1"', bundle.inRoot('pipe'));
        },
        { probe: ['/pipe'] },
      );
      expect(report.probes['/pipe']).toMatchObject({ kind: 'character', major: 1, minor: 3 });
    });

    test('are masked in a readonly root too', () => {
      const report = box.inside(
        bundle => {
          masking('/secret', '/etc/passwd')(bundle);
          bundle.config.root.readonly = true;
        },
        { probe: ['/secret', '/etc/passwd'] },
      );
      expect(report.probes['/secret']?.read?.entries).toEqual([]);
      expect(report.probes['/etc/passwd']?.read?.text).toBe('');
    });

    test('are masked for other users', () => {
      const report = box.inside(
        bundle => {
          masking('/secret/key')(bundle);
          bundle.config.process.user = { uid: 1000, gid: 1000 };
        },
        { probe: ['/secret/key'] },
      );
      expect(report.probes['/secret/key']?.read?.text).toBe('');
    });

    test('of /proc are empty', () => {
      const paths = ['/proc/keys', '/proc/timer_list', '/proc/interrupts', '/proc/cpuinfo'].filter(path =>
        existsSync(path),
      );
      expect(paths).toContain('/proc/cpuinfo');
      const report = box.inside(masking(...paths), { probe: paths });
      expect(paths.map(path => [path, report.probes[path]?.read?.text])).toEqual(
        paths.map(path => [path, '']),
      );
    });

    test('are not masked with the /dev/null of the container', () => {
      const bundle = box.bundle(made => {
        masking('/secret/key')(made);
        const dev = box.mkdir('dev');
        box.view.sh('ln -s /etc/passwd "$1/null"', dev);
        made.unmount('/dev');
        made.config.mounts.push({ destination: '/dev', type: 'bind', source: dev, options: ['rbind'] });
        made.shell('cat /secret/key');
      });
      const done = box.run(bundle);
      if (disagrees('runc 1.1', 'masks files with any file at /dev/null (CVE-2025-31133)')) {
        expect(done.stdout).toContain('root:x:0');
      } else {
        expect(done.stdout).toBe('');
      }
    });
  });

  describe('that are masked without a null device in the container', () => {
    test.each<[string, (dev: string) => void]>([
      ['no /dev/null', () => {}],
      ['a file of that name', dev => box.view.sh('echo not null >"$1/null"', dev)],
      ['a link of that name', dev => box.view.sh('ln -s /etc/passwd "$1/null"', dev)],
    ])('show the null device of the host: %s', (_, fill) => {
      for (const user of [false, true]) {
        const dev = box.mkdir('dev');
        fill(dev);
        const bundle = box.bundle(made => {
          masking('/secret/key', '/secret/deep/key', '/etc/passwd')(made);
          made.unmount('/dev');
          made.config.mounts.push({ destination: '/dev', type: 'bind', source: dev, options: ['rbind'] });
          made.config.process.args = [
            '/bin/inside',
            '--probe',
            '/secret/key',
            '/secret/deep/key',
            '/etc/passwd',
          ];
          if (user) made.userNamespace();
        });
        const done = box.run(bundle);
        if (disagrees('runc 1.1', 'needs the /dev/null of the container')) return;
        expect(done.status).toBe(0);
        for (const probe of Object.values(parseReport(done.stdout).probes)) {
          expect(probe).toMatchObject({ kind: 'character', major: 1, minor: 3, read: { text: '' } });
        }
      }
    });

    test('show the null device of the host if a mount hides that of the container', context => {
      skipWhere(context, 'runc 1.1', 'masks files with any file at /dev/null (CVE-2025-31133)');
      const report = box.inside(
        bundle => {
          masking('/secret/key')(bundle);
          bundle.config.mounts.push(bind(`${box.source()}/note`, '/dev/null'));
        },
        { probe: ['/secret/key', '/dev/null'] },
      );
      expect(report.probes['/secret/key']).toMatchObject({ kind: 'character', major: 1, minor: 3 });
      expect(report.probes['/dev/null']?.read?.text).toBe('from the host');
    });
  });

  /** Spellings of the root, and a link in the root that leads there. */
  const rootPaths = ['/', '/.', '//', '/..', '/bin/..', '/to-root', '/bin/up'];
  const withLinks = (bundle: Bundle) => {
    bundle.symlink('to-root', '/');
    rmSync(bundle.inRoot('bin/up'), { force: true });
    bundle.symlink('bin/up', '..');
  };

  test.for(rootPaths)('that are masked cannot be the root: %s', (path, context) => {
    skipWhere(context, 'runc', 'mounts over the root, which its program does not see');
    const bundle = box.bundle(made => {
      withLinks(made);
      made.config.linux.maskedPaths = ['/proc/keys', path];
    });
    const failure = box.refuses(bundle);
    expect(failure.message).toContain(
      `can't mask path ${JSON.stringify(path)}: it is the root of the container`,
    );
    if (isTsubo) expect(failure.record.pointer).toBe('/linux/maskedPaths/1');
  });

  test.for(rootPaths)('that are readonly can be the root, for every process: %s', (path, context) => {
    skipWhere(context, 'runc', 'mounts over the root, which its program does not see');
    const bundle = box.running(made => {
      withLinks(made);
      made.config.linux.readonlyPaths = [path, '/nowhere'];
      made.config.process.args = [
        '/bin/sh',
        '-c',
        'touch /mine && echo written; echo tried; exec sleep 1000',
      ];
    });
    const tried = box.oci(['exec', bundle.id, '/bin/sh', '-c', 'touch /mine; stat -c %d:%i /']);
    expect(tried.stderr).toContain('Read-only file system');
    const { pid } = box.state(bundle.id);
    // Both are in the same root.
    expect(tried.stdout).toBe(`${box.view.sh('stat -c %d:%i /proc/$1/root/', String(pid))}`);
    expect(readdirSync(bundle.rootfs)).not.toContain('mine');
    const mounts = parseMountinfo(box.view.sh('cat /proc/$1/mountinfo', String(pid)));
    expect(mounts.filter(mount => mount.target === '/')).toHaveLength(1);
    expect(mounts.find(mount => mount.target === '/')?.options).toContain('ro');
  });

  test.each(['/to-root', '/bin/up'])('cannot be mounted over the root by the link %s', path => {
    const bundle = box.bundle(made => {
      withLinks(made);
      made.config.mounts.push(bind(box.source(), path));
    });
    const failure = box.refuses(bundle);
    if (!isTsubo) return;
    expect(failure.message).toContain('mountpoint "/" is on the top of rootfs');
    expect(failure.record.pointer).toBe('/mounts/7');
  });

  const readonly =
    (...paths: string[]) =>
    (bundle: Bundle) => {
      bundle.file('data/file', 'read me');
      mkdirSync(bundle.inRoot('data/sub'));
      bundle.config.linux.readonlyPaths = paths;
    };

  describe('that are readonly', () => {
    test('can be read but not written', () => {
      const report = box.inside(readonly('/data/file', '/data/sub'), {
        probe: ['/data', '/data/file', '/data/sub'],
      });
      expect(report.probes['/data/file']).toMatchObject({ read: { text: 'read me' }, write: EROFS });
      expect(report.probes['/data/sub']?.write).toBe(EROFS);
      expect(report.probes['/data']?.write).toBe(0);
    });

    test('are readonly with all their content', () => {
      const report = box.inside(readonly('/data'), { probe: ['/data/file', '/data/sub'] });
      for (const path of ['/data/file', '/data/sub']) expect(report.probes[path]?.write).toBe(EROFS);
    });

    test('keep the mounts below them', () => {
      const report = box.inside(
        bundle => {
          readonly('/data')(bundle);
          bundle.config.mounts.push({ destination: '/data/sub', type: 'tmpfs', source: 'below' });
        },
        { probe: ['/data'] },
      );
      expect(mountAt(report, '/data/sub').source).toBe('below');
      expect(report.probes['/data']?.write).toBe(EROFS);
    });

    test('may be missing', () => {
      expect(box.inside(readonly('/nowhere')).exe).toBe('/bin/inside');
    });

    test('may be listed twice, and masked as well', () => {
      const report = box.inside(
        bundle => {
          readonly('/data', '/data')(bundle);
          bundle.config.linux.maskedPaths = ['/data/file'];
        },
        { probe: ['/data', '/data/file'] },
      );
      expect(report.probes['/data']?.write).toBe(EROFS);
      expect(report.probes['/data/file']?.read?.text).toBe('');
    });

    test('of /proc keep the other options of /proc', () => {
      const report = box.inside(
        bundle => {
          bundle.mount('/proc').options.push('nosuid', 'nodev', 'noexec');
        },
        { probe: ['/proc/sys/kernel/hostname'] },
      );
      expect(mountAt(report, '/proc/sys').options).toEqual(
        expect.arrayContaining(['ro', 'nosuid', 'nodev', 'noexec']),
      );
      expect(report.probes['/proc/sys/kernel/hostname']?.write).toBe(EROFS);
    });

    test('are resolved through symbolic links, inside the root', () => {
      const report = box.inside(
        bundle => {
          readonly('/link')(bundle);
          bundle.symlink('link', '../../data');
        },
        { probe: ['/data'] },
      );
      expect(report.probes['/data']?.write).toBe(EROFS);
    });
  });
});

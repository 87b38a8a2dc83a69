// SPDX-License-Identifier: Apache-2.0
import { lstatSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { bind, having, tmpfs } from '../helpers/bundle.ts';
import { mountAt, parseReport } from '../helpers/inside.ts';
import { requires } from '../helpers/requires.ts';
import { isTsubo, skipWhere } from '../helpers/runtime.ts';
import { sandbox } from '../helpers/sandbox.ts';

describe.skipIf(requires('root', 'busybox'))('the mounts of a container', () => {
  const box = sandbox();

  describe('at a missing path', () => {
    test('create a directory for a directory, a file for anything else, and the parents', () => {
      const dir = box.source();
      const bundle = box.bundle(
        having(
          bind(dir, '/new/dir'),
          bind(join(dir, 'note'), '/new/way/file'),
          tmpfs('/new/tmp'),
          bind('/dev/null', '/new/device'),
        ),
      );
      expect(box.run(bundle).status).toBe(0);
      for (const made of ['new', 'new/dir', 'new/way', 'new/tmp']) {
        expect(lstatSync(bundle.inRoot(made)).isDirectory()).toBe(true);
        expect(lstatSync(bundle.inRoot(made)).mode & 0o7777).toBe(0o755);
      }
      for (const made of ['new/way/file', 'new/device']) {
        expect(lstatSync(bundle.inRoot(made)).isFile()).toBe(true);
        expect(lstatSync(bundle.inRoot(made)).size).toBe(0);
      }
    });

    test('are resolved from the root if they are relative', () => {
      const report = box.inside(having(tmpfs('new/tmp')));
      expect(mountAt(report, '/new/tmp').type).toBe('tmpfs');
    });
  });

  describe('at a symbolic link', () => {
    test.each([
      ['relative', 'real'],
      ['absolute', '/real'],
      ['up and out of the root', '../../../../../../../../real'],
      ['absolute, up and out', '/../../../../../../real'],
    ])('that is %s are made at its target inside the root', (_, target) => {
      const report = box.inside(
        bundle => {
          bundle.directory('real');
          bundle.symlink('link', target);
          bundle.config.mounts.push(tmpfs('/link', 'mode=0700'));
        },
        { probe: ['/real'] },
      );
      expect(mountAt(report, '/real').type).toBe('tmpfs');
    });

    test.each([
      ['relative', 'gone/deep'],
      ['absolute', '/gone/deep'],
      ['up and out of the root', '../../../../../../../../gone/deep'],
    ])('that dangles (%s) create its target inside the root', (_, target) => {
      const bundle = box.bundle(made => {
        made.symlink('link', target);
        made.config.mounts.push(bind(box.source(), '/link'));
        made.shell('cat /gone/deep/note');
      });
      expect(box.run(bundle).stdout).toBe('from the host');
      expect(statSync(bundle.inRoot('gone/deep')).isDirectory()).toBe(true);
    });

    test('in a parent directory never leave the root', () => {
      const outside = box.mkdir('outside');
      const bundle = box.bundle(made => {
        made.symlink('link', outside);
        made.config.mounts.push(tmpfs('/link/below'), bind(box.source(), '/link/other'));
        made.config.process.args = ['/bin/inside'];
      });
      const report = parseReport(box.run(bundle).stdout);
      expect(report.mounts.map(mount => mount.target)).toContain(`${outside}/below`);
      expect(readdirSync(outside)).toEqual([]);
    });

    test('in a cycle are refused', () => {
      const bundle = box.bundle(made => {
        made.symlink('one', 'two');
        made.symlink('two', 'one');
        made.config.mounts.push(tmpfs('/one'));
      });
      const failure = box.refuses(bundle);
      if (isTsubo) expect(failure.record.pointer).toMatch(/^\/mounts\/7/);
    });

    test.each(['proc', 'sysfs'])('are refused for %s, which requires a real directory', type => {
      const bundle = box.bundle(made => {
        const destination = type === 'proc' ? '/proc' : '/sys';
        made.unmount(destination);
        box.view.sh('rmdir "$1"', made.inRoot(destination));
        made.directory('other');
        made.symlink(destination, 'other');
        made.config.mounts.unshift({ destination, type, source: type });
      });
      expect(box.refuses(bundle).message).toContain(`must be mounted on ordinary directory`);
    });
  });

  describe('at a reserved path', () => {
    test('cannot be the root itself', () => {
      for (const destination of ['/', '/..', '/etc/..']) {
        const failure = box.refuses(box.bundle(having(tmpfs(destination))));
        if (isTsubo) expect(failure.record.pointer).toMatch(/^\/mounts\/7/);
      }
    });

    test.for(['/proc/self', '/proc/sys', '/proc/bus', '/proc/1/status', '/proc/net/dev'])(
      'cannot be %s',
      (destination, context) => {
        if (destination === '/proc/net/dev')
          skipWhere(context, 'runc 1.1', 'allows a mount over /proc/net/dev');
        const failure = box.refuses(box.bundle(having(bind(box.source(), destination))));
        expect(failure.message).toContain('cannot be mounted because it is inside /proc');
        if (isTsubo) expect(failure.record.pointer).toMatch(/^\/mounts\/7/);
      },
    );

    test.each(['cpuinfo', 'diskstats', 'meminfo', 'stat', 'swaps', 'uptime', 'loadavg'])(
      'can be /proc/%s',
      name => {
        const report = box.inside(having(bind(join(box.source(), 'note'), `/proc/${name}`)), {
          probe: [`/proc/${name}`],
        });
        expect(report.probes[`/proc/${name}`]?.read?.text).toBe('from the host');
      },
    );

    test('cannot be /proc for anything but a proc', () => {
      for (const mount of [tmpfs('/proc'), bind(box.source(), '/proc')]) {
        const bundle = box.bundle(made => {
          made.unmount('/proc');
          made.config.mounts.unshift(mount);
        });
        expect(box.refuses(bundle).message).toMatch(/\/proc/);
      }
    });

    test('can be /proc for the proc of the host', () => {
      const report = box.inside(bundle => {
        bundle.unmount('/proc');
        bundle.config.mounts.unshift(bind('/proc', '/proc'));
      });
      expect(mountAt(report, '/proc').type).toBe('proc');
    });
  });
});

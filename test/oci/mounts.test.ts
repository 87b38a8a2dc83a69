// SPDX-License-Identifier: Apache-2.0
import {
  chmodSync,
  chownSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Bundle } from '../helpers/bundle.ts';
import type { TestMount } from '../helpers/config.ts';
import { mountAt, parseReport } from '../helpers/inside.ts';
import { requires } from '../helpers/requires.ts';
import { disagrees, isTsubo } from '../helpers/runtime.ts';
import { sandbox } from '../helpers/sandbox.ts';

const EROFS = 30;
const tmpfs = (destination: string, ...options: string[]): TestMount => ({
  destination,
  type: 'tmpfs',
  source: 'tmpfs',
  options,
});
const bind = (source: string, destination: string, ...options: string[]): TestMount => ({
  destination,
  type: 'bind',
  source,
  options: ['rbind', ...options],
});

describe.skipIf(requires('root', 'busybox'))('the mounts of a container', () => {
  const box = sandbox();

  /** A config with these mounts after the default ones. */
  const having =
    (...mounts: TestMount[]) =>
    (bundle: Bundle) => {
      bundle.config.mounts.push(...mounts);
    };

  /** A directory of the host with a file `note` in it. */
  const source = () => {
    const dir = box.mkdir('source');
    writeFileSync(join(dir, 'note'), 'from the host');
    return dir;
  };

  describe('in order', () => {
    test('are made one over the other', () => {
      const report = box.inside(having(tmpfs('/a'), tmpfs('/a/b'), tmpfs('/a/b/c')));
      const targets = report.mounts.map(mount => mount.target).filter(target => target.startsWith('/a'));
      expect(targets).toEqual(['/a', '/a/b', '/a/b/c']);
    });

    test('hide what an earlier one put below them', () => {
      const report = box.inside(having(bind(source(), '/a/b'), tmpfs('/a')), { probe: ['/a/b/note', '/a'] });
      expect(report.probes['/a/b/note']?.errno).toBe(2);
      expect(report.probes['/a']?.read?.entries).toEqual([]);
    });

    test('let the last one at a place win', () => {
      const report = box.inside(having(tmpfs('/a'), bind(source(), '/a')), { probe: ['/a/note'] });
      expect(report.probes['/a/note']?.read?.text).toBe('from the host');
    });
  });

  describe('of their own file system', () => {
    test.each<[string, string[], string[], string[]]>([
      ['nothing', [], ['rw', 'relatime'], ['ro', 'nosuid', 'nodev', 'noexec']],
      ['defaults', ['defaults'], ['rw', 'relatime'], ['ro']],
      ['ro', ['ro'], ['ro'], ['rw']],
      ['nosuid', ['nosuid'], ['nosuid'], []],
      ['nodev', ['nodev'], ['nodev'], []],
      ['noexec', ['noexec'], ['noexec'], []],
      ['noatime', ['noatime'], ['noatime'], ['relatime']],
      ['nodiratime', ['nodiratime'], ['nodiratime', 'relatime'], []],
      ['relatime', ['relatime'], ['relatime'], []],
      ['strictatime', ['strictatime'], [], ['relatime', 'noatime']],
      ['nosymfollow', ['nosymfollow'], ['nosymfollow'], []],
      [
        'a word and its opposite',
        ['ro', 'nosuid', 'nodev', 'noexec', 'rw', 'suid', 'dev', 'exec'],
        ['rw'],
        ['nosuid', 'nodev', 'noexec'],
      ],
      ['the opposite and the word', ['rw', 'suid', 'ro', 'nosuid'], ['ro', 'nosuid'], []],
      [
        'words that change nothing here',
        [
          'async',
          'loud',
          'silent',
          'nomand',
          'mand',
          'iversion',
          'noiversion',
          'nolazytime',
          'diratime',
          'symfollow',
        ],
        ['rw'],
        [],
      ],
    ])('take %s', (word, options, present, absent) => {
      if (
        word === 'defaults' &&
        disagrees('runc 1.1', 'hands `defaults` to the file system, which refuses it')
      ) {
        expect(box.refuses(box.bundle(having(tmpfs('/a', 'defaults')))).message).toContain('data: defaults');
        return;
      }
      const seen = mountAt(box.inside(having(tmpfs('/a', ...options))), '/a').options;
      expect(seen).toEqual(expect.arrayContaining(present));
      for (const option of absent) expect(seen).not.toContain(option);
    });

    test.each([
      ['sync', ['sync'], 'sync', true],
      ['dirsync', ['dirsync'], 'dirsync', true],
      ['lazytime', ['lazytime'], 'lazytime', true],
      ['async after sync', ['sync', 'async'], 'sync', false],
    ])('pass %s on to the file system', (_, options, word, there) => {
      const seen = mountAt(box.inside(having(tmpfs('/a', ...options))), '/a').superOptions;
      expect(seen.includes(word)).toBe(there);
    });

    test('hand over every word that is not theirs', () => {
      const mount = mountAt(
        box.inside(having(tmpfs('/a', 'size=128k', 'nr_inodes=77', 'mode=0711', 'uid=5', 'gid=6'))),
        '/a',
      );
      expect(mount.superOptions).toEqual(
        expect.arrayContaining(['size=128k', 'nr_inodes=77', 'mode=711', 'uid=5', 'gid=6']),
      );
    });

    test('say what a file system refused', () => {
      const failure = box.refuses(box.bundle(having(tmpfs('/a', 'nosuid', 'colour=green'))));
      expect(failure.message).toContain('invalid argument');
      if (isTsubo) expect(failure.record.pointer).toMatch(/^\/mounts\/7(\/options\/1)?$/);
    });

    test('fail when the kernel does not know the type', () => {
      const failure = box.refuses(box.bundle(having({ destination: '/a', type: 'nopefs', source: 'none' })));
      expect(failure.message).toContain('no such device');
      if (isTsubo) expect(failure.record.pointer).toMatch(/^\/mounts\/7/);
    });

    test('are called by their source', () => {
      expect(
        mountAt(box.inside(having({ destination: '/a', type: 'tmpfs', source: 'my jar' })), '/a').source,
      ).toBe('my jar');
    });

    test('of devpts are instances of their own', () => {
      const report = box.inside(undefined, { probe: ['/dev/pts', '/dev/pts/ptmx'] });
      expect(mountAt(report, '/dev/pts')).toMatchObject({ type: 'devpts' });
      expect(mountAt(report, '/dev/pts').superOptions).toEqual(
        expect.arrayContaining(['gid=5', 'mode=620', 'ptmxmode=666']),
      );
      expect(report.probes['/dev/pts']?.read?.entries).toEqual(['ptmx']);
      expect(report.probes['/dev/pts/ptmx']?.mode).toBe(0o666);
    });

    test('of sysfs and mqueue are there', () => {
      const report = box.inside(undefined, { probe: ['/sys/class/net'] });
      expect(mountAt(report, '/dev/mqueue').type).toBe('mqueue');
      expect(mountAt(report, '/sys')).toMatchObject({ type: 'sysfs' });
      expect(mountAt(report, '/sys').options).toContain('ro');
      expect(report.probes['/sys/class/net']?.read?.entries).toEqual(['lo']);
    });

    test('of proc are of the pid namespace of the container', () => {
      expect(box.shell('echo /proc/[0-9]*')).toBe('/proc/1\n');
    });
  });

  describe('of tmpfs', () => {
    test.each([
      ['has the mode that is given', ['mode=1711'], 0o755, 0o1711],
      ['has the mode of the directory it covers', [], 0o2750, 0o2750],
      ['has the sticky bit of the directory it covers', [], 0o1777, 0o1777],
    ])('%s', (_, options, before, after) => {
      const report = box.inside(
        bundle => {
          mkdirSync(bundle.inRoot('a'));
          chmodSync(bundle.inRoot('a'), before);
          bundle.config.mounts.push(tmpfs('/a', ...options));
        },
        { probe: ['/a'] },
      );
      const ruled =
        options.length > 0 && disagrees('runc 1.1', 'prefers the mode of the target to the mode option');
      expect(report.probes['/a']?.mode).toBe(ruled ? before : after);
    });

    test('has the mode 1777 of the kernel where the target had to be made', () => {
      const report = box.inside(having(tmpfs('/made')), { probe: ['/made'] });
      expect(report.probes['/made']?.mode).toBe(0o1777);
    });

    test('is made whatever the umask of the caller', () => {
      const bundle = box.bundle(made => {
        made.config.process.args.push('--probe', '/a', '/b');
        made.config.mounts.push(tmpfs('/a', 'mode=0777'), bind(source(), '/b'));
      });
      const command = box.command('run', '--bundle', bundle.dir, bundle.id);
      const done = box.view.exec(['/bin/sh', '-c', 'umask 0777; exec "$@"', 'sh', ...command]);
      expect(done.stderr).toBe('');
      expect(parseReport(done.stdout).probes['/a']?.mode).toBe(0o777);
    });

    test('is readonly when asked, but not before it is filled', () => {
      const report = box.inside(
        bundle => {
          bundle.file('a/note', 'below');
          bundle.config.mounts.push(tmpfs('/a', 'ro', 'tmpcopyup'));
        },
        { probe: ['/a', '/a/note'] },
      );
      expect(mountAt(report, '/a').options).toContain('ro');
      expect(report.probes['/a']?.write).toBe(EROFS);
      expect(report.probes['/a/note']?.read?.text).toBe('below');
    });

    test('takes up what it covers with tmpcopyup, with mode, owner and links', () => {
      const report = box.inside(
        bundle => {
          bundle.file('a/note', 'below');
          chmodSync(bundle.inRoot('a/note'), 0o666);
          chownSync(bundle.inRoot('a/note'), 11, 12);
          bundle.file('a/deep/down/run', '#!/bin/sh', 0o755);
          chmodSync(bundle.inRoot('a/deep'), 0o1711);
          bundle.symlink('a/link', '/etc/passwd');
          bundle.config.mounts.push(tmpfs('/a', 'tmpcopyup'));
        },
        { probe: ['/a', '/a/note', '/a/deep', '/a/deep/down/run', '/a/link'] },
      );
      expect(mountAt(report, '/a').type).toBe('tmpfs');
      expect([...(report.probes['/a']?.read?.entries ?? [])].sort()).toEqual(['deep', 'link', 'note']);
      expect(report.probes['/a/note']).toMatchObject({
        mode: 0o666,
        uid: 11,
        gid: 12,
        read: { text: 'below' },
        write: 0,
      });
      expect(report.probes['/a/deep']).toMatchObject({ kind: 'directory', mode: 0o1711 });
      expect(report.probes['/a/deep/down/run']).toMatchObject({ mode: 0o755, read: { text: '#!/bin/sh' } });
      expect(report.probes['/a/link']).toMatchObject({ kind: 'symlink', target: '/etc/passwd' });
    });

    test('leaves what it took up alone', () => {
      const bundle = box.bundle(made => {
        made.file('a/note', 'below');
        made.config.mounts.push(tmpfs('/a', 'tmpcopyup'));
        made.shell('echo changed >/a/note');
      });
      expect(box.run(bundle).status).toBe(0);
      expect(box.view.sh('cat "$1"', bundle.inRoot('a/note'))).toBe('below');
    });

    test('on /dev may be readonly and still has its devices', () => {
      const report = box.inside(bundle => bundle.mount('/dev').options.push('ro'), {
        probe: ['/dev', '/dev/null'],
      });
      expect(mountAt(report, '/dev').options).toContain('ro');
      expect(report.probes['/dev']?.write).toBe(EROFS);
      expect(report.probes['/dev/null']?.kind).toBe('character');
    });
  });

  describe('of something of the host', () => {
    test('show a directory', () => {
      const dir = source();
      const report = box.inside(having(bind(dir, '/a')), { probe: ['/a/note'] });
      expect(report.probes['/a/note']).toMatchObject({ read: { text: 'from the host' }, write: 0 });
    });

    test('show a file over a file', () => {
      const report = box.inside(having(bind(join(source(), 'note'), '/etc/passwd')), {
        probe: ['/etc/passwd'],
      });
      expect(report.probes['/etc/passwd']?.read?.text).toBe('from the host');
    });

    test.each(['relative', './relative', 'sub/../relative'])('are found from the bundle as %s', path => {
      const report = box.inside(
        bundle => {
          mkdirSync(join(bundle.dir, 'sub'));
          writeFileSync(join(bundle.dir, 'relative'), 'of the bundle');
          bundle.config.mounts.push(bind(path, '/a'));
        },
        { probe: ['/a'] },
      );
      expect(report.probes['/a']?.read?.text).toBe('of the bundle');
    });

    test('follow a symbolic link of the host', () => {
      const dir = source();
      symlinkSync('note', join(dir, 'link'));
      const report = box.inside(having(bind(join(dir, 'link'), '/a')), { probe: ['/a'] });
      expect(report.probes['/a']).toMatchObject({ kind: 'file', read: { text: 'from the host' } });
    });

    test('whatever their type says', () => {
      const report = box.inside(
        having({ destination: '/a', type: 'ext4', source: source(), options: ['bind'] }),
        {
          probe: ['/a/note'],
        },
      );
      expect(report.probes['/a/note']?.read?.text).toBe('from the host');
    });

    test('need no type', () => {
      const report = box.inside(having({ destination: '/a', source: source(), options: ['rbind'] }), {
        probe: ['/a/note'],
      });
      expect(report.probes['/a/note']?.read?.text).toBe('from the host');
    });

    test('that is not there are refused', () => {
      const failure = box.refuses(box.bundle(having(bind(join(box.dir, 'nowhere'), '/a'))));
      expect(failure.message).toContain('no such file or directory');
      if (isTsubo) expect(failure.record.pointer).toMatch(/^\/mounts\/7/);
    });

    test('take no options of a file system', context => {
      const bundle = box.bundle(having(bind(source(), '/a', 'mode=0700')));
      context.skip(
        disagrees('runc 1.1', 'overlooks the file system options of a bind mount'),
        'runc 1.1 overlooks the file system options of a bind mount',
      );
      const failure = box.refuses(bundle);
      expect(failure.message).toContain('bind mounts cannot have any filesystem-specific options applied');
      if (isTsubo) expect(failure.record.pointer).toBe('/mounts/7/options/1');
    });

    test.each<[string, string[], string[], string[]]>([
      ['keep its flags when none are given', [], ['nosuid', 'noexec', 'noatime'], ['ro']],
      ['are made readonly', ['ro'], ['ro'], []],
      ['have the flags that are given', ['nodev', 'noexec'], ['nodev', 'noexec'], []],
      ['lose its flags to others that are given', ['ro'], ['ro', 'noatime'], ['nosuid', 'noexec']],
      ['lose its flags to their opposites', ['suid', 'exec'], ['rw'], ['nosuid', 'noexec']],
      ['take another access time', ['strictatime'], [], ['noatime', 'relatime']],
    ])('%s', (what, options, present, absent) => {
      const dir = source();
      box.view.sh('mount -t tmpfs -o nosuid,noexec,noatime tmpfs "$1"', dir);
      try {
        const seen = mountAt(box.inside(having(bind(dir, '/a', ...options))), '/a').options;
        if (
          what.includes('opposites') &&
          disagrees('runc 1.1', 'leaves a flag on a bind mount that only its opposite speaks of')
        ) {
          expect(seen).toEqual(expect.arrayContaining(absent));
          return;
        }
        expect(seen).toEqual(expect.arrayContaining(present));
        for (const option of absent) expect(seen).not.toContain(option);
      } finally {
        box.view.sh('umount "$1"', dir);
      }
    });
  });

  describe('with others below them', () => {
    /** A tmpfs with another one mounted in it, each with these options. */
    const nested = (options: string, look: (dir: string) => void) => {
      const dir = box.mkdir('nested');
      box.view.sh(
        'mount -t tmpfs -o "$2" tmpfs "$1"; mkdir "$1/sub" 2>/dev/null || { mount -o remount,rw "$1"; mkdir "$1/sub"; mount -o remount,"$2" "$1"; }; mount -t tmpfs -o "$2" tmpfs "$1/sub"',
        dir,
        options,
      );
      try {
        look(dir);
      } finally {
        box.view.sh('umount -R "$1"', dir);
      }
    };

    test('leave these behind with bind', () => {
      nested('rw', dir => {
        const report = box.inside(having({ destination: '/a', source: dir, options: ['bind'] }));
        expect(report.mounts.map(mount => mount.target)).not.toContain('/a/sub');
      });
    });

    test('bring these along with rbind, and ro is for the top alone', () => {
      nested('rw', dir => {
        const report = box.inside(having(bind(dir, '/a', 'ro')), { probe: ['/a', '/a/sub'] });
        expect(report.probes['/a']?.write).toBe(EROFS);
        expect(report.probes['/a/sub']?.write).toBe(0);
      });
    });

    test.each<[string, string, string[], string[]]>([
      ['rro', 'rw', ['ro'], ['rw']],
      ['rrw', 'ro', ['rw'], ['ro']],
      ['rnosuid', 'suid', ['nosuid'], []],
      ['rsuid', 'nosuid', [], ['nosuid']],
      ['rnodev', 'dev', ['nodev'], []],
      ['rdev', 'nodev', [], ['nodev']],
      ['rnoexec', 'exec', ['noexec'], []],
      ['rexec', 'noexec', [], ['noexec']],
      ['rnodiratime', 'diratime', ['nodiratime'], []],
      ['rdiratime', 'nodiratime', [], ['nodiratime']],
      ['rrelatime', 'noatime', ['relatime'], ['noatime']],
      ['rnorelatime', 'noatime', [], []], // what is left is up to the kernel
      ['rnoatime', 'relatime', ['noatime'], ['relatime']],
      ['ratime', 'noatime', [], ['noatime']],
      ['rstrictatime', 'noatime', [], ['noatime', 'relatime']],
      ['rnostrictatime', 'strictatime', ['relatime'], ['noatime']],
      ['rnosymfollow', 'rw', ['nosymfollow'], []],
      ['rsymfollow', 'nosymfollow', [], ['nosymfollow']],
    ])('take %s all together', (word, before, present, absent) => {
      const unusable = ['ratime', 'rnostrictatime'].includes(word);
      nested(before, dir => {
        if (
          unusable &&
          disagrees('runc 1.1', 'clears a part of the access time setting, which the kernel refuses')
        ) {
          expect(box.refuses(box.bundle(having(bind(dir, '/a', word)))).message).toContain(
            'invalid argument',
          );
          return;
        }
        const report = box.inside(having(bind(dir, '/a', word)));
        for (const target of ['/a', '/a/sub']) {
          const seen = mountAt(report, target).options;
          expect(seen).toEqual(expect.arrayContaining(present));
          for (const option of absent) expect(seen).not.toContain(option);
        }
      });
    });

    test.each<[string, string[], string[] | undefined]>([
      ['private', [], undefined],
      ['rprivate', [], []],
      ['slave', ['slave'], undefined],
      ['rslave', ['slave'], ['slave']],
      ['shared', ['shared', 'slave'], undefined],
      ['rshared', ['shared', 'slave'], ['shared', 'slave']],
      ['unbindable', ['unbindable'], undefined],
      ['runbindable', ['unbindable'], ['unbindable']],
    ])('spread what is mounted in them as %s says', (word, top, below) => {
      nested('rw', dir => {
        // their source is shared: the container gets a slave of it, unless the word says otherwise
        box.view.sh('mount --make-rshared "$1"', dir);
        const report = box.inside(having(bind(dir, '/a', word)));
        expect(mountAt(report, '/a').propagation).toEqual(top);
        expect(mountAt(report, '/a/sub').propagation).toEqual(below ?? ['slave']);
      });
    });
  });

  describe('at a place that is missing', () => {
    test('get a directory for a directory, a file for anything else, and the way there', () => {
      const dir = source();
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

    test('are found from the root when they are relative', () => {
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
    ])('that is %s are made where it leads inside', (_, target) => {
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
    ])('that dangles (%s) are made where it would lead inside', (_, target) => {
      const bundle = box.bundle(made => {
        made.symlink('link', target);
        made.config.mounts.push(bind(source(), '/link'));
        made.shell('cat /gone/deep/note');
      });
      expect(box.run(bundle).stdout).toBe('from the host');
      expect(statSync(bundle.inRoot('gone/deep')).isDirectory()).toBe(true);
    });

    test('on the way never leave the root', () => {
      const outside = box.mkdir('outside');
      const bundle = box.bundle(made => {
        made.symlink('link', outside);
        made.config.mounts.push(tmpfs('/link/below'), bind(source(), '/link/other'));
        made.config.process.args = ['/bin/inside'];
      });
      const report = parseReport(box.run(bundle).stdout);
      expect(report.mounts.map(mount => mount.target)).toContain(`${outside}/below`);
      expect(readdirSync(outside)).toEqual([]);
    });

    test('that goes round in circles are refused', () => {
      const bundle = box.bundle(made => {
        made.symlink('one', 'two');
        made.symlink('two', 'one');
        made.config.mounts.push(tmpfs('/one'));
      });
      const failure = box.refuses(bundle);
      if (isTsubo) expect(failure.record.pointer).toMatch(/^\/mounts\/7/);
    });

    test.each(['proc', 'sysfs'])('are refused for %s, which needs an ordinary directory', type => {
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

  describe('at a place of their own', () => {
    test('cannot be the root itself', () => {
      for (const destination of ['/', '/..', '/etc/..']) {
        const failure = box.refuses(box.bundle(having(tmpfs(destination))));
        if (isTsubo) expect(failure.record.pointer).toMatch(/^\/mounts\/7/);
      }
    });

    test.each(['/proc/self', '/proc/sys', '/proc/bus', '/proc/1/status', '/proc/net/dev'])(
      'cannot be %s',
      destination => {
        if (destination === '/proc/net/dev' && disagrees('runc 1.1', 'lets /proc/net/dev be covered')) return;
        const failure = box.refuses(box.bundle(having(bind(source(), destination))));
        expect(failure.message).toContain('cannot be mounted because it is inside /proc');
        if (isTsubo) expect(failure.record.pointer).toMatch(/^\/mounts\/7/);
      },
    );

    test.each(['cpuinfo', 'diskstats', 'meminfo', 'stat', 'swaps', 'uptime', 'loadavg'])(
      'can be /proc/%s',
      name => {
        const report = box.inside(having(bind(join(source(), 'note'), `/proc/${name}`)), {
          probe: [`/proc/${name}`],
        });
        expect(report.probes[`/proc/${name}`]?.read?.text).toBe('from the host');
      },
    );

    test('cannot be /proc for anything but a proc', () => {
      for (const mount of [tmpfs('/proc'), bind(source(), '/proc')]) {
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

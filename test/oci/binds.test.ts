// SPDX-License-Identifier: Apache-2.0
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type Bundle, bind, having } from '../helpers/bundle.ts';
import type { TestMount } from '../helpers/config.ts';
import { mountAt } from '../helpers/inside.ts';
import { requires } from '../helpers/requires.ts';
import { disagrees, isTsubo, skipWhere } from '../helpers/runtime.ts';
import { sandbox } from '../helpers/sandbox.ts';

const EROFS = 30;

describe.skipIf(requires('root', 'busybox'))('the bind mounts of a container', () => {
  const box = sandbox();

  describe('from a path of the host', () => {
    test('show a directory', () => {
      const dir = box.source();
      const report = box.inside(having(bind(dir, '/a')), { probe: ['/a/note'] });
      expect(report.probes['/a/note']).toMatchObject({ read: { text: 'from the host' }, write: 0 });
    });

    test('show a file over a file', () => {
      const report = box.inside(having(bind(join(box.source(), 'note'), '/etc/passwd')), {
        probe: ['/etc/passwd'],
      });
      expect(report.probes['/etc/passwd']?.read?.text).toBe('from the host');
    });

    test.each(['relative', './relative', 'sub/../relative'])('resolve %s relative to the bundle', path => {
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
      const dir = box.source();
      symlinkSync('note', join(dir, 'link'));
      const report = box.inside(having(bind(join(dir, 'link'), '/a')), { probe: ['/a'] });
      expect(report.probes['/a']).toMatchObject({ kind: 'file', read: { text: 'from the host' } });
    });

    test('ignore their type', () => {
      const report = box.inside(
        having({ destination: '/a', type: 'ext4', source: box.source(), options: ['bind'] }),
        {
          probe: ['/a/note'],
        },
      );
      expect(report.probes['/a/note']?.read?.text).toBe('from the host');
    });

    test('need no type', () => {
      const report = box.inside(having({ destination: '/a', source: box.source(), options: ['rbind'] }), {
        probe: ['/a/note'],
      });
      expect(report.probes['/a/note']?.read?.text).toBe('from the host');
    });

    test('of a missing source are refused', () => {
      const failure = box.refuses(box.bundle(having(bind(join(box.dir, 'nowhere'), '/a'))));
      expect(failure.message).toContain('no such file or directory');
      if (isTsubo) expect(failure.record.pointer).toMatch(/^\/mounts\/7/);
    });

    test.each<[string, (dir: string) => TestMount]>([
      ['a directory on a file', dir => bind(dir, '/etc/passwd')],
      ['a file on a directory', dir => bind(join(dir, 'note'), '/etc')],
      ['a device on a directory', () => bind('/dev/null', '/etc')],
      ['a file system on a file', () => ({ destination: '/etc/passwd', type: 'tmpfs', source: 'tmpfs' })],
      ['a cgroup on a file', () => ({ destination: '/etc/passwd', type: 'cgroup', source: 'cgroup' })],
    ])('of the wrong type are refused with the text that engines match: %s', (what, mount) => {
      for (const user of [false, true]) {
        const requested = mount(box.source());
        const bundle = box.bundle(made => {
          made.config.mounts.push(requested);
          if (user) made.userNamespace();
        });
        const failure = box.refuses(bundle);
        expect(failure.message).toContain('not a directory');
        expect(failure.message).toContain(`to rootfs at "${requested.destination}"`);
        if (!isTsubo) continue;
        expect(failure.record).toMatchObject({ code: 'container.mount', pointer: '/mounts/7', errno: 20 });
        expect(failure.record['hint']).toContain(
          what.includes('system') || what.includes('cgroup') ? 'must be a directory' : 'must both be',
        );
      }
    });

    test('refuse file system options', context => {
      skipWhere(context, 'runc 1.1', 'ignores the file system options of a bind mount');
      const failure = box.refuses(box.bundle(having(bind(box.source(), '/a', 'mode=0700'))));
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
      ['take relatime with nodiratime', ['nodiratime'], ['nodiratime', 'relatime'], ['noatime']],
      ['have nodiratime beside another', ['nodiratime', 'noatime'], ['nodiratime', 'noatime'], ['relatime']],
      ['keep the access time when one is only denied', ['norelatime'], ['noatime'], ['nodiratime']],
      ['keep it when another is only denied', ['nostrictatime'], ['noatime'], ['nodiratime']],
    ])('%s', (what, options, present, absent) => {
      const dir = box.source();
      box.view.sh('mount -t tmpfs -o nosuid,noexec,noatime tmpfs "$1"', dir);
      try {
        const seen = mountAt(box.inside(having(bind(dir, '/a', ...options))), '/a').options;
        if (
          what.includes('opposites') &&
          disagrees('runc 1.1', 'keeps a bind mount flag that an option clears')
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

  /** More than the limit of open descriptors: some binds hold a descriptor until they are mounted. */
  test.each<[string, number, (bundle: Bundle, mount: TestMount) => void]>([
    ['', 5000, () => {}],
    [' in a user namespace', 5000, () => {}],
    [
      ' with mapped owners',
      1200,
      (_, mount) => {
        mount.options?.push('idmap');
        mount.uidMappings = [{ containerID: 0, hostID: 7, size: 1 }];
        mount.gidMappings = [{ containerID: 0, hostID: 7, size: 1 }];
      },
    ],
  ])('may be numerous%s', (what, count, change) => {
    const source = box.mkdir('many');
    for (let i = 0; i < count; i++) writeFileSync(join(source, `${i}`), '');
    const bundle = box.bundle(made => {
      made.directory('many');
      if (what.includes('user')) made.userNamespace();
      for (let i = 0; i < count; i++) {
        const mount = bind(join(source, `${i}`), `/many/${i}`);
        change(made, mount);
        made.config.mounts.push(mount);
      }
      made.shell('grep -c " /many/" /proc/self/mountinfo; ulimit -n');
    });
    const done = box.view.exec([
      ...['/bin/sh', '-c', 'ulimit -n 1024; exec "$@"', 'sh'],
      ...box.command('run', '--bundle', bundle.dir, bundle.id),
    ]);
    if (what !== '' && disagrees('runc 1.1', 'sends all sources in one message, and maps no owners')) return;
    expect(done.stderr).toBe('');
    expect(done.stdout).toBe(`${count}\n1024\n`);
  });

  describe('of a directory with mounts below it', () => {
    /** A tmpfs with another tmpfs mounted in it, each with these options. */
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

    test('exclude the mounts below with bind', () => {
      nested('rw', dir => {
        const report = box.inside(having({ destination: '/a', source: dir, options: ['bind'] }));
        expect(report.mounts.map(mount => mount.target)).not.toContain('/a/sub');
      });
    });

    test('include the mounts below with rbind, and ro changes only the top mount', () => {
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
      ['rnorelatime', 'noatime', [], []], // the kernel chooses the remaining options
      ['rnoatime', 'relatime', ['noatime'], ['relatime']],
      ['ratime', 'noatime', [], ['noatime']],
      ['rstrictatime', 'noatime', [], ['noatime', 'relatime']],
      ['rnostrictatime', 'strictatime', ['relatime'], ['noatime']],
      ['rnosymfollow', 'rw', ['nosymfollow'], []],
      ['rsymfollow', 'nosymfollow', [], ['nosymfollow']],
    ])('accept %s together', (word, before, present, absent) => {
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
    ])('propagate mounts in them as %s defines', (word, top, below) => {
      nested('rw', dir => {
        // The source is shared: the container gets a slave of it unless the option requests otherwise.
        box.view.sh('mount --make-rshared "$1"', dir);
        const report = box.inside(having(bind(dir, '/a', word)));
        expect(mountAt(report, '/a').propagation).toEqual(top);
        expect(mountAt(report, '/a/sub').propagation).toEqual(below ?? ['slave']);
      });
    });
  });
});

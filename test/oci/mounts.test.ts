// SPDX-License-Identifier: Apache-2.0
import { chmodSync, chownSync, mkdirSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { bind, having, tmpfs } from '../helpers/bundle.ts';
import { mountAt, parseReport } from '../helpers/inside.ts';
import { requires } from '../helpers/requires.ts';
import { disagrees, isTsubo } from '../helpers/runtime.ts';
import { sandbox } from '../helpers/sandbox.ts';

const EROFS = 30;

describe.skipIf(requires('root', 'busybox'))('the mounts of a container', () => {
  const box = sandbox();

  describe('in order', () => {
    test('are stacked one over the other', () => {
      const report = box.inside(having(tmpfs('/a'), tmpfs('/a/b'), tmpfs('/a/b/c')));
      const targets = report.mounts.map(mount => mount.target).filter(target => target.startsWith('/a'));
      expect(targets).toEqual(['/a', '/a/b', '/a/b/c']);
    });

    test('hide the content that an earlier mount has below them', () => {
      const report = box.inside(having(bind(box.source(), '/a/b'), tmpfs('/a')), {
        probe: ['/a/b/note', '/a'],
      });
      expect(report.probes['/a/b/note']?.errno).toBe(2);
      expect(report.probes['/a']?.read?.entries).toEqual([]);
    });

    test('are shadowed by the last mount at the same path', () => {
      const report = box.inside(having(tmpfs('/a'), bind(box.source(), '/a')), { probe: ['/a/note'] });
      expect(report.probes['/a/note']?.read?.text).toBe('from the host');
    });
  });

  describe('of a new file system', () => {
    test.each<[string, string[], string[], string[]]>([
      ['rnoatime', [], ['noatime'], ['relatime']],
      ['ratime', ['noatime'], [], ['noatime']],
      ['rstrictatime', ['noatime'], [], ['noatime', 'relatime']],
      ['rnostrictatime', ['strictatime'], ['relatime'], ['noatime']],
      ['rnosymfollow', [], ['nosymfollow'], []],
      ['rsymfollow', ['nosymfollow'], [], ['nosymfollow']],
      ['rro', [], ['ro'], ['rw']],
      ['rnoexec', [], ['noexec'], []],
    ])('accept the recursive option %s', (word, before, present, absent) => {
      const unusable = ['ratime', 'rnostrictatime'].includes(word);
      const mount = tmpfs('/a', ...before, word);
      if (
        unusable &&
        disagrees('runc 1.1', 'clears a part of the access time setting, which the kernel refuses')
      ) {
        expect(box.refuses(box.bundle(having(mount))).message).toContain('invalid argument');
        return;
      }
      const seen = mountAt(box.inside(having(mount)), '/a').options;
      expect(seen).toEqual(expect.arrayContaining(present));
      for (const option of absent) expect(seen).not.toContain(option);
    });

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
        'an option and its opposite',
        ['ro', 'nosuid', 'nodev', 'noexec', 'rw', 'suid', 'dev', 'exec'],
        ['rw'],
        ['nosuid', 'nodev', 'noexec'],
      ],
      ['the opposite and the option', ['rw', 'suid', 'ro', 'nosuid'], ['ro', 'nosuid'], []],
      [
        'options without effect',
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
    ])('accept %s', (word, options, present, absent) => {
      if (
        word === 'defaults' &&
        disagrees('runc 1.1', 'passes `defaults` to the file system, which refuses it')
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
    ])('pass %s to the file system', (_, options, word, there) => {
      const seen = mountAt(box.inside(having(tmpfs('/a', ...options))), '/a').superOptions;
      expect(seen.includes(word)).toBe(there);
    });

    // A mount that is changed after it was made needs more than one system call.
    test.each([
      ['tmpfs', 'my jar', ['size=128k', 'mode=0711', 'uid=5', 'nosuid', 'noatime', 'sync', 'lazytime']],
      ['tmpfs', '', ['nodev', 'strictatime', 'nosymfollow']],
      ['devpts', 'devpts', ['newinstance', 'ptmxmode=0600', 'mode=0620', 'gid=5', 'noexec']],
      ['sysfs', 'sysfs', ['ro', 'nosuid', 'nodiratime']],
      ['proc', 'proc', ['hidepid=2', 'nodev', 'noexec']],
      ['mqueue', 'queue', ['ro', 'nosuid', 'nodev', 'noexec']],
    ])(
      'of %s from %j with %j are the same with one system call and with several',
      (type, source, options) => {
        const report = box.inside(
          having(
            { destination: '/a', type, source, options },
            { destination: '/b', type, source, options: [...options, 'private'] },
          ),
        );
        const comparable = ({ options, superOptions, source, type }: ReturnType<typeof mountAt>) => ({
          options: [...options].sort(),
          superOptions: [...superOptions].sort(),
          source,
          type,
        });
        expect(comparable(mountAt(report, '/a'))).toEqual(comparable(mountAt(report, '/b')));
      },
    );

    test('pass unknown options to the file system', () => {
      const mount = mountAt(
        box.inside(having(tmpfs('/a', 'size=128k', 'nr_inodes=77', 'mode=0711', 'uid=5', 'gid=6'))),
        '/a',
      );
      expect(mount.superOptions).toEqual(
        expect.arrayContaining(['size=128k', 'nr_inodes=77', 'mode=711', 'uid=5', 'gid=6']),
      );
    });

    test('fail with the place of the option that the file system refuses', () => {
      const failure = box.refuses(box.bundle(having(tmpfs('/a', 'nosuid', 'colour=green'))));
      expect(failure.message).toContain('invalid argument');
      if (isTsubo) expect(failure.record.pointer).toMatch(/^\/mounts\/7(\/options\/1)?$/);
    });

    test('fail with an unknown type', () => {
      const failure = box.refuses(box.bundle(having({ destination: '/a', type: 'nopefs', source: 'none' })));
      expect(failure.message).toContain('no such device');
      if (isTsubo) expect(failure.record.pointer).toMatch(/^\/mounts\/7/);
    });

    test('have their source as device name', () => {
      expect(
        mountAt(box.inside(having({ destination: '/a', type: 'tmpfs', source: 'my jar' })), '/a').source,
      ).toBe('my jar');
    });

    test('are new instances of devpts', () => {
      const report = box.inside(undefined, { probe: ['/dev/pts', '/dev/pts/ptmx'] });
      expect(mountAt(report, '/dev/pts')).toMatchObject({ type: 'devpts' });
      expect(mountAt(report, '/dev/pts').superOptions).toEqual(
        expect.arrayContaining(['gid=5', 'mode=620', 'ptmxmode=666']),
      );
      expect(report.probes['/dev/pts']?.read?.entries).toEqual(['ptmx']);
      expect(report.probes['/dev/pts/ptmx']?.mode).toBe(0o666);
    });

    test('may be sysfs and mqueue', () => {
      const report = box.inside(undefined, { probe: ['/sys/class/net'] });
      expect(mountAt(report, '/dev/mqueue').type).toBe('mqueue');
      expect(mountAt(report, '/sys')).toMatchObject({ type: 'sysfs' });
      expect(mountAt(report, '/sys').options).toContain('ro');
      expect(report.probes['/sys/class/net']?.read?.entries).toEqual(['lo']);
    });

    test('of the type proc belong to the pid namespace of the container', () => {
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
      const fromTarget =
        options.length > 0 && disagrees('runc 1.1', 'prefers the mode of the target to the mode option');
      expect(report.probes['/a']?.mode).toBe(fromTarget ? before : after);
    });

    test('have the kernel default mode 1777 if the target did not exist', () => {
      const report = box.inside(having(tmpfs('/made')), { probe: ['/made'] });
      expect(report.probes['/made']?.mode).toBe(0o1777);
    });

    test('have their mode under any umask of the caller', () => {
      const bundle = box.bundle(made => {
        made.config.process.args.push('--probe', '/a', '/b');
        made.config.mounts.push(tmpfs('/a', 'mode=0777'), bind(box.source(), '/b'));
      });
      const command = box.command('run', '--bundle', bundle.dir, bundle.id);
      const done = box.view.exec(['/bin/sh', '-c', 'umask 0777; exec "$@"', 'sh', ...command]);
      expect(done.stderr).toBe('');
      expect(parseReport(done.stdout).probes['/a']?.mode).toBe(0o777);
    });

    test('are readonly if requested, but only after they are filled', () => {
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

    test('contain copies of the covered files with tmpcopyup, with mode, owner and links', () => {
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

    test('do not change the covered files of tmpcopyup', () => {
      const bundle = box.bundle(made => {
        made.file('a/note', 'below');
        made.config.mounts.push(tmpfs('/a', 'tmpcopyup'));
        made.shell('echo changed >/a/note');
      });
      expect(box.run(bundle).status).toBe(0);
      expect(box.view.sh('cat "$1"', bundle.inRoot('a/note'))).toBe('below');
    });

    test('on /dev may be readonly and still contain its devices', () => {
      const report = box.inside(bundle => bundle.mount('/dev').options.push('ro'), {
        probe: ['/dev', '/dev/null'],
      });
      expect(mountAt(report, '/dev').options).toContain('ro');
      expect(report.probes['/dev']?.write).toBe(EROFS);
      expect(report.probes['/dev/null']?.kind).toBe('character');
    });
  });
});

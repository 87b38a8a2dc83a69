// SPDX-License-Identifier: Apache-2.0
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type Bundle, bind } from '../helpers/bundle.ts';
import { companions } from '../helpers/companions.ts';
import type { TestDevice } from '../helpers/config.ts';
import { parseReport } from '../helpers/inside.ts';
import { requires } from '../helpers/requires.ts';
import { disagrees, isTsubo, skipWhere } from '../helpers/runtime.ts';
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
  ])('include /dev/%s by default', (name, major, minor) => {
    const node = box.inside(undefined, { probe: [`/dev/${name}`] }).probes[`/dev/${name}`];
    expect(node).toMatchObject({ kind: 'character', mode: 0o666, uid: 0, gid: 0, major, minor });
  });

  test('can be used by every user', () => {
    const report = box.inside(bundle => (bundle.config.process.user = { uid: 1000, gid: 1000 }), {
      probe: ['/dev/null', '/dev/zero', '/dev/urandom'],
    });
    expect(Object.values(report.probes).map(({ write }) => write)).toEqual([0, 0, 0]);
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
  ])('include the link /dev/%s', (name, target) => {
    const link = box.inside(undefined, { probe: [`/dev/${name}`] }).probes[`/dev/${name}`];
    expect(link).toMatchObject({ kind: 'symlink', target });
  });

  test('include no other device', () => {
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
      'an unbuffered character device',
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
      'a device without mode and owner, which every user can access',
      { path: '/dev/open', type: 'c', major: 1, minor: 3 },
      { kind: 'character', mode: 0o666, uid: 0, gid: 0 },
    ],
    [
      'a device outside /dev',
      { path: '/srv/dev/null', type: 'c', major: 1, minor: 3, fileMode: 0o666 },
      { kind: 'character', major: 1, minor: 3 },
    ],
    [
      'a device that replaces a default one',
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

  test('have their mode under any umask of the caller', () => {
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

  test('do not replace the ptmx link', () => {
    const report = box.inside(
      bundle => {
        bundle.config.linux.devices = [{ path: '/dev/ptmx', type: 'c', major: 5, minor: 2, fileMode: 0o666 }];
      },
      { probe: ['/dev/ptmx'] },
    );
    expect(report.probes['/dev/ptmx']).toMatchObject({ kind: 'symlink', target: 'pts/ptmx' });
  });

  describe('that exist already', () => {
    /** Nodes of this test alone, as a host might have them, with an owner and a mode that no config requests. */
    const hostNodes = (): string => {
      const dir = box.mkdir('nodes');
      box.view.sh(
        'cd "$1"; mknod -m 606 null c 1 3; mknod -m 606 zero c 1 5; mknod -m 606 ptmx c 5 2; touch file; chown 123:456 *',
        dir,
      );
      return dir;
    };
    const listed = (dir: string): string => box.view.sh('cd "$1"; stat -c "%n %F %a %u:%g %t:%T" *', dir);
    /** Owner and mode differ from those of the nodes of the host. */
    const requested: TestDevice = {
      path: '/dev/zero',
      type: 'c',
      major: 1,
      minor: 5,
      fileMode: 0o640,
      uid: 7,
      gid: 8,
    };
    const untouched = { kind: 'character', mode: 0o606, uid: 123, gid: 456 };

    test.each<[string, (bundle: Bundle, nodes: string) => void]>([
      [
        'are bound on a tmpfs',
        (bundle, nodes) =>
          bundle.config.mounts.push(bind(`${nodes}/null`, '/dev/null'), bind(`${nodes}/zero`, '/dev/zero')),
      ],
      [
        'are bound in the root',
        (bundle, nodes) => {
          bundle.unmount('/dev');
          bundle.config.mounts.push(bind(`${nodes}/null`, '/dev/null'), bind(`${nodes}/zero`, '/dev/zero'));
        },
      ],
      [
        'are in the root',
        (bundle, nodes) => {
          bundle.unmount('/dev');
          box.view.sh('mount --bind "$1" "$2"', nodes, bundle.inRoot('dev'));
        },
      ],
    ])('keep owner and mode if they %s', (_, modify) => {
      const nodes = hostNodes();
      const before = listed(nodes);
      const bundle = box.bundle(made => {
        made.config.linux.devices = [requested];
        made.config.process.args = ['/bin/inside', '--probe', '/dev/null', '/dev/zero'];
        modify(made, nodes);
      });
      const report = parseReport(box.must(['run', '--bundle', bundle.dir, bundle.id]).stdout);
      box.view.sh('umount "$1" 2>/dev/null || true', bundle.inRoot('dev'));
      expect(report.probes['/dev/null']).toMatchObject({ ...untouched, major: 1, minor: 3 });
      expect(report.probes['/dev/zero']).toMatchObject({ ...untouched, major: 1, minor: 5 });
      const after = listed(nodes);
      for (const line of before.split('\n')) {
        if (!line.startsWith('ptmx') || !disagrees('runc', 'replaces a ptmx of the root')) {
          expect(after).toContain(line);
        }
      }
    });

    test('keep owner and mode in a bound directory', () => {
      const nodes = hostNodes();
      const before = listed(nodes);
      const report = box.inside(
        bundle => {
          bundle.config.mounts.push(bind(nodes, '/srv'));
          bundle.config.linux.devices = [{ ...requested, path: '/srv/zero' }];
        },
        { probe: ['/srv/zero'] },
      );
      expect(report.probes['/srv/zero']).toMatchObject({ ...untouched, major: 1, minor: 5 });
      expect(listed(nodes)).toBe(before);
    });

    test('keep owner and mode in a user namespace, where another node is bound over them', () => {
      const nodes = hostNodes();
      const before = listed(nodes);
      box.inside(bundle => {
        bundle.userNamespace();
        bundle.config.mounts.push(bind(`${nodes}/null`, '/dev/null'));
      });
      expect(listed(nodes)).toBe(before);
    });

    test('keep owner and mode in the image', () => {
      const report = box.inside(
        bundle => {
          bundle.unmount('/dev');
          box.view.sh('mknod -m 600 "$1" c 1 3', bundle.inRoot('dev/null'));
        },
        { probe: ['/dev/null'] },
      );
      expect(report.probes['/dev/null']).toMatchObject({
        kind: 'character',
        mode: 0o600,
        major: 1,
        minor: 3,
      });
    });

    /** Sources of a mount over a device, and how the container sees each. */
    const covers: [string, object][] = [
      ['null', { kind: 'character', major: 1, minor: 3, mode: 0o606, uid: 123 }],
      ['file', { kind: 'file', uid: 123, gid: 456 }],
      ['.', { kind: 'directory' }],
    ];

    test.each(
      ['/dev/random', '/dev/full', '/dev/tty', '/dev/zero', '/dev/fd', '/dev/jar'].flatMap(device =>
        covers.map(([name, expected]) => [device, name, expected] as const),
      ),
    )('stay hidden by a mount on %s: of %s', (device, name, expected) => {
      const nodes = hostNodes();
      const before = listed(nodes);
      const report = box.inside(
        bundle => {
          bundle.config.linux.devices = [requested, { ...requested, path: '/dev/jar' }];
          bundle.config.mounts.push(bind(`${nodes}/${name}`, device));
        },
        { probe: [device] },
      );
      expect(report.probes[device]).toMatchObject(expected);
      expect(listed(nodes)).toBe(before);
    });

    test.each(covers)('stay hidden by a mount of %s over the ptmx', (name, expected) => {
      const nodes = hostNodes();
      const bundle = box.bundle(made => {
        made.config.mounts.push(bind(`${nodes}/${name}`, '/dev/ptmx'));
        made.config.process.args = ['/bin/inside', '--probe', '/dev/ptmx'];
      });
      if (disagrees('runc', 'removes the file at the path of the ptmx, which fails with EBUSY for a mount')) {
        expect(box.refuses(bundle).message).toContain('ptmx');
        return;
      }
      const report = parseReport(box.must(['run', '--bundle', bundle.dir, bundle.id]).stdout);
      expect(report.probes['/dev/ptmx']).toMatchObject(expected);
    });

    test.each(
      ['/dev/random', '/dev/zero'].flatMap(device => covers.map(([name]) => [device, name] as const)),
    )('stay hidden in a user namespace by a mount on %s: of %s', (device, name) => {
      const nodes = hostNodes();
      const kind = { null: 'character', file: 'file', '.': 'directory' }[name];
      const bundle = box.bundle(made => {
        made.userNamespace();
        made.config.linux.devices = [requested];
        made.config.mounts.push(bind(`${nodes}/${name}`, device));
        made.config.process.args = ['/bin/inside', '--probe', device];
      });
      const done = box.run(bundle);
      if (disagrees('runc', 'binds its own node over a mount in a user namespace')) return;
      expect(done.status).toBe(0);
      const probe = parseReport(done.stdout).probes[device];
      expect(probe).toMatchObject(kind === 'character' ? { kind, major: 1, minor: 3 } : { kind });
    });

    test('stay hidden by a file system that is mounted over one', () => {
      const report = box.inside(
        bundle => bundle.config.mounts.push({ destination: '/dev/full', type: 'tmpfs', source: 'tmpfs' }),
        { probe: ['/dev/full'] },
      );
      expect(report.probes['/dev/full']).toMatchObject({ kind: 'directory', read: { entries: [] } });
    });

    test.skipIf(requires('script'))('keep their owner when they are standard streams', () => {
      const nodes = box.mkdir('nodes');
      box.view.sh('mknod -m 666 "$1/tty" c 5 0', nodes);
      const before = listed(nodes);
      const bundle = box.bundle(made => {
        made.config.process.user = { uid: 1000, gid: 1000 };
        made.config.process.args = ['/bin/true'];
      });
      const script =
        'nodes=$1; shift; exec script -qec "$* <$nodes/tty" /dev/null </dev/null >/dev/null 2>&1';
      const done = box.view.exec([
        ...['/bin/sh', '-c', script, 'sh', nodes],
        ...box.command('run', '--bundle', bundle.dir, bundle.id),
      ]);
      expect(done.status).toBe(0);
      if (disagrees('runc', 'changes the owner of every standard stream')) return;
      expect(listed(nodes)).toBe(before);
    });
  });

  test.each([
    ['a node of another device', 'mknod "$1" c 1 5'],
    ['a node of another type', 'mknod "$1" b 1 3'],
    ['a file', 'touch "$1"'],
    ['a link', 'ln -s /etc/passwd "$1"'],
  ])('are refused if the path is %s', (_, script) => {
    const bundle = box.bundle(made => {
      made.unmount('/dev');
      made.config.linux.devices = [{ path: '/dev/jar', type: 'c', major: 1, minor: 3 }];
      box.view.sh(script, made.inRoot('dev/jar'));
    });
    if (disagrees('runc 1.1', 'accepts any file at the path of a device')) {
      expect(box.run(bundle).status).toBe(0);
      return;
    }
    const failure = box.refuses(bundle);
    expect(failure.message).toContain('/dev/jar');
    if (isTsubo) expect(failure.record.pointer).toMatch(/^\/linux\/devices\/0/);
  });

  test('are not made in a /dev that is a bind mount', () => {
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

  test('never appear outside the root, for any kind of /dev', () => {
    const outside = box.mkdir('outside');
    const bundle = box.bundle(made => {
      made.unmount('/dev');
      box.view.sh('rmdir "$1"; ln -s "$2" "$1"', made.inRoot('dev'), outside);
      made.config.linux.maskedPaths = [];
    });
    box.run(bundle);
    const made = box.view.sh('ls -A "$1"', outside);
    if (disagrees('runc 1.1', 'makes the links of /dev through a symbolic link (CVE-2026-41579)')) {
      expect(made).toContain('ptmx');
    } else {
      expect(made).toBe('');
    }
  });

  describe('whose paths in the image are links out of the root', () => {
    const beside = companions();
    /** A directory and a file of the host that must not change. */
    const outside = () => {
      const dir = box.mkdir('outside');
      box.view.sh('echo untouched >"$1/file"; mkdir "$1/dir"', dir);
      return dir;
    };
    const listed = (dir: string) =>
      box.view.sh('cd "$1"; find . -exec stat -c "%n %F %a %u:%g" {} +; cat file', dir);

    test.for<[string, boolean, boolean]>(
      ['/dev', '/dev/null', '/dev/console', '/dev/ptmx', '/dev/pts'].flatMap(link =>
        [true, false].flatMap(mounted =>
          [true, false].map(terminal => [link, mounted, terminal] as [string, boolean, boolean]),
        ),
      ),
    )(
      'do not change their targets: %s, /dev mounted: %s, on a terminal: %s',
      async ([link, mounted, terminal], context) => {
        skipWhere(context, 'runc', 'makes devices through a symbolic link (CVE-2026-41579)');
        const dir = outside();
        const before = listed(dir);
        const socket = join(box.mkdir('console'), 's');
        if (terminal) await beside.listening('terminal', ['receive', socket], socket);
        const bundle = box.bundle(made => {
          if (!mounted) made.unmount('/dev');
          // Relative, absolute and to the path on the host: none leads out of the root.
          const target = link === '/dev/null' || link === '/dev/console' ? `${dir}/file` : `${dir}/dir`;
          box.view.sh('rm -rf "$1"; ln -s "$2" "$1"', made.inRoot(link), `../../../../../../../..${target}`);
          made.config.process.terminal = terminal;
          made.config.process.args = ['/bin/true'];
        });
        const flags = terminal ? ['--console-socket', socket] : [];
        // Only the host matters here; such an image may be refused.
        const made = box.oci(['create', '--bundle', bundle.dir, ...flags, bundle.id]);
        if (made.status === 0) box.must(['delete', '--force', bundle.id]);
        expect(listed(dir)).toBe(before);
        expect([0, 1]).toContain(made.status);
        if (mounted && link !== '/dev') expect(made.status).toBe(0);
      },
    );
  });
});

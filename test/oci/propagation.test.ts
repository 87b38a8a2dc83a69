// SPDX-License-Identifier: Apache-2.0
import { mkdirSync } from 'node:fs';
import { beforeAll, describe, expect, test } from 'vitest';
import type { Bundle } from '../helpers/bundle.ts';
import { mountAt, parseReport } from '../helpers/inside.ts';
import { parseMountinfo } from '../helpers/mountinfo.ts';
import { requires } from '../helpers/requires.ts';
import { disagrees, isTsubo, skipWhere } from '../helpers/runtime.ts';
import { sandbox, until } from '../helpers/sandbox.ts';

describe.skipIf(requires('root', 'busybox'))('later mounts', () => {
  const box = sandbox();
  // As on most machines, mounts propagate unless a container stops it.
  beforeAll(() => {
    box.view.sh('mount --make-rshared /');
  });

  test.each([
    ['nothing', undefined, disagrees('runc 1.1', 'leaves the root a slave of the host') ? ['slave'] : []],
    ['slave', 'slave', ['slave']],
    ['rslave', 'rslave', ['slave']],
    ['private', 'private', []],
    ['rprivate', 'rprivate', []],
    ['unbindable', 'unbindable', ['unbindable']],
    ['shared', 'shared', ['shared']],
    ['rshared', 'rshared', ['shared']],
  ])('propagate from the root as rootfsPropagation defines: %s', (_, value, expected) => {
    const bundle = box.bundle(made => {
      if (value !== undefined) made.config.linux.rootfsPropagation = value;
    });
    if (value === 'unbindable' && disagrees('runc 1.1', 'cannot make an unbindable root')) {
      expect(box.refuses(bundle).message).toContain('error preparing rootfs');
      return;
    }
    const seen = mountAt(parseReport(box.run(bundle).stdout), '/').propagation;
    if (value?.endsWith('shared')) {
      const lost = disagrees('runc 1.1', 'makes a shared root private');
      // A shared mount may also be a slave of the host.
      expect(seen.includes('shared')).toBe(!lost);
    } else {
      expect(seen).toEqual(expected);
    }
  });

  /**
   * A container whose root is a shared mount with another mount in it, as on most machines. Returns the later mounts of
   * the host that the container sees: in the root, in the mount in it, and in binds.
   */
  const seenLater = (modify: (bundle: Bundle) => void, ...flags: string[]): string[] => {
    const source = box.mkdir('source');
    const bundle = box.bundle(made => {
      made.config.mounts.push({ destination: '/vol', type: 'bind', source, options: ['rbind'] });
      made.config.process.args = ['/bin/sleep', '1000'];
      made.directory('mnt');
      made.directory('sub');
      made.directory('vol');
      modify(made);
    });
    const { rootfs } = bundle;
    box.view.sh(
      'mount --rbind "$1" "$1" && mount -t tmpfs tmpfs "$1/sub" && mkdir "$1/sub/in" "$2/in" && mount --bind "$2" "$2"',
      rootfs,
      source,
    );
    try {
      box.create(bundle, ...flags);
      box.view.sh(
        'for at in "$1/mnt" "$1/sub/in" "$2/in"; do mount -t tmpfs late "$at"; done',
        rootfs,
        source,
      );
      const { pid } = box.state(bundle.id);
      return parseMountinfo(box.view.sh('cat /proc/$1/mountinfo', String(pid)))
        .filter(mount => mount.source === 'late')
        .map(mount => mount.target)
        .sort();
    } finally {
      box.must(['delete', '--force', bundle.id]);
      box.view.sh('umount -R "$1" "$2"', rootfs, source);
    }
  };

  test.each<[string, (bundle: Bundle) => void, string[]]>([
    ['', () => {}, []],
    [' in a user namespace', bundle => bundle.userNamespace(), []],
    [' with --no-pivot', () => {}, ['--no-pivot']],
  ])('of the host appear in binds, and never in the root%s', (_, modify, flags) => {
    const inRoot = disagrees('runc 1.1', 'leaves the root a slave of the host') ? ['/mnt', '/sub/in'] : [];
    expect(seenLater(modify, ...flags)).toEqual([...inRoot, '/vol/in']);
  });

  test('of the host appear in a slave root', () => {
    const seen = seenLater(bundle => (bundle.config.linux.rootfsPropagation = 'rslave'));
    expect(seen).toEqual(['/mnt', '/sub/in', '/vol/in']);
  });

  test('of the host do not appear in a shared root of a user namespace', context => {
    skipWhere(context, 'runc 1.1', 'leaves the root a slave of the host');
    const seen = seenLater(bundle => {
      bundle.userNamespace();
      bundle.config.linux.rootfsPropagation = 'shared';
    });
    expect(seen).not.toContain('/mnt');
  });

  test.for(['shared', 'rshared'])('of the host are unchanged with --no-pivot and %s', (value, context) => {
    skipWhere(context, 'runc 1.1', "moves the root over the host's");
    const bundle = box.bundle(made => {
      made.config.linux.rootfsPropagation = value;
      made.config.process.args = ['/bin/true'];
    });
    // A mount point, as the root of an engine is.
    box.view.sh('mount --bind "$1" "$1"', bundle.rootfs);
    const before = box.view.mounts();
    box.must(['run', '--no-pivot', '--bundle', bundle.dir, bundle.id]);
    expect(box.view.mounts()).toEqual(before);
    box.view.sh('umount "$1"', bundle.rootfs);
  });

  test('propagate from the root to the host only if it is shared', () => {
    for (const value of [undefined, 'rslave', 'rprivate']) {
      const before = box.view.mounts();
      const printed = box.shell(
        'mount -t tmpfs tmpfs /tmp && grep -c " /tmp " /proc/self/mountinfo',
        bundle => {
          if (value !== undefined) bundle.config.linux.rootfsPropagation = value;
          mayMount(bundle);
        },
      );
      expect(printed).toBe('1\n');
      expect(box.view.mounts()).toEqual(before);
    }
  });

  test('are refused with an unknown propagation', () => {
    const failure = box.refuses(box.bundle(bundle => (bundle.config.linux.rootfsPropagation = 'moon')));
    expect(failure.message).toContain('rootfsPropagation=moon is not supported');
    if (isTsubo) expect(failure.record.pointer).toBe('/linux/rootfsPropagation');
  });

  const mayMount = (bundle: Bundle) => {
    const list = ['CAP_SYS_ADMIN'];
    bundle.config.process.capabilities = { bounding: list, permitted: list, effective: list };
  };

  /** A directory of the host with `sub` in it, and a container that sees it as /data. */
  const sharing = (options: string[], program: (bundle: Bundle) => void) => {
    const dir = box.mkdir('data');
    mkdirSync(`${dir}/sub`);
    box.view.sh('mount --bind "$1" "$1"; mount --make-shared "$1"', dir);
    const bundle = box.bundle(made => {
      made.config.mounts.push({
        destination: '/data',
        type: 'bind',
        source: dir,
        options: ['rbind', ...options],
      });
      made.config.linux.rootfsPropagation = 'rshared';
      program(made);
    });
    return { dir, bundle, done: () => box.view.sh('umount -R "$1"', dir) };
  };

  test.each([
    [['rslave'], true],
    [['rshared'], true],
    [['rprivate'], false],
  ])('of the host appear in a running container with %j: %s', (options, visible) => {
    const { dir, bundle, done } = sharing(options, made => {
      made.config.process.args = ['/bin/sleep', '1000'];
    });
    try {
      box.create(bundle);
      const mountinfo = () =>
        parseMountinfo(box.view.sh('cat /proc/$1/mountinfo', String(box.state(bundle.id).pid)));
      expect(mountinfo().map(mount => mount.target)).not.toContain('/data/sub');
      box.view.sh('mount -t tmpfs tmpfs "$1/sub"', dir);
      expect(mountinfo().some(mount => mount.target === '/data/sub')).toBe(visible);
    } finally {
      box.must(['delete', '--force', bundle.id]);
      done();
    }
  });

  test.each([
    [['rshared'], true],
    [['rslave'], false],
    [['rprivate'], false],
  ])('of a container appear on the host with %j: %s', async (options, visible) => {
    const { dir, bundle, done } = sharing(options, made => {
      made.shell('mount -t tmpfs tmpfs /data/sub && echo mounted; sleep 1000');
      mayMount(made);
    });
    try {
      const { output } = box.create(bundle);
      box.must(['start', bundle.id]);
      await until('it is mounted', () => box.view.sh('cat "$1"', output) === 'mounted\n');
      expect(box.view.mounts().some(mount => mount.target === `${dir}/sub`)).toBe(visible);
    } finally {
      box.must(['delete', '--force', bundle.id]);
      done();
    }
  });
});

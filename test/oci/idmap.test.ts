// SPDX-License-Identifier: Apache-2.0
import { chmodSync, chownSync, mkdirSync, readlinkSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import type { Bundle } from '../helpers/bundle.ts';
import type { TestMapping, TestMount } from '../helpers/config.ts';
import { mountAt } from '../helpers/inside.ts';
import { requires } from '../helpers/requires.ts';
import { isTsubo, runs, skipWhere } from '../helpers/runtime.ts';
import { sandbox } from '../helpers/sandbox.ts';

const first = 100_000;
const overflowId = 65_534;

/** Maps ids on the disk to visible ids. */
const mapped = (...ranges: readonly (readonly [from: number, to: number, size: number])[]) => {
  const list: TestMapping[] = ranges.map(([containerID, hostID, size]) => ({ containerID, hostID, size }));
  return { uidMappings: list, gidMappings: list };
};

// Older versions pass the options to the file system.
const older = runs('runc 1.1') || runs('crun 1.8');

describe.skipIf(requires('root', 'busybox', 'kernel:5.12') || older)('an id-mapped mount', () => {
  const box = sandbox();
  const mounted: string[] = [];
  afterEach(() => {
    for (const dir of mounted.splice(0)) box.view.sh(`umount -R ${dir}`);
  });

  /** Files of user and group 0, 1000 and 5000, all accessible to everyone. */
  const source = (fill: string = box.mkdir('source')): string => {
    for (const id of [0, 1000, 5000]) {
      const path = join(fill, String(id));
      writeFileSync(path, '');
      chmodSync(path, 0o666);
      chownSync(path, id, id);
    }
    chmodSync(fill, 0o777);
    return fill;
  };
  const having =
    (...mounts: TestMount[]) =>
    (bundle: Bundle): void => {
      bundle.config.mounts.push(...mounts);
    };
  /** Owners of the three files, as `USER:GROUP` each. */
  const owners = (modify: (bundle: Bundle) => void, dir = '/a'): string[] => {
    const script = `stat -c %u:%g ${dir}/0 ${dir}/1000 ${dir}/5000`;
    return box.shell(script, modify).trim().split('\n');
  };
  const own = mapped([0, 200_000, 2000]);

  test('shows the owners that its mappings define', () => {
    const mount = { destination: '/a', source: source(), options: ['bind', 'idmap'], ...own };
    expect(owners(having(mount))).toEqual(['200000:200000', '201000:201000', `${overflowId}:${overflowId}`]);
  });

  test('needs no option if it has mappings', () => {
    const mount = { destination: '/a', source: source(), options: ['bind'], ...own };
    expect(owners(having(mount))).toEqual(['200000:200000', '201000:201000', `${overflowId}:${overflowId}`]);
  });

  test('maps users and groups separately, in several ranges', () => {
    const { uidMappings } = mapped([1000, 7, 1], [5000, 8, 1], [0, 9, 1]);
    const { gidMappings } = mapped([0, 0, 6000]);
    const mount = {
      destination: '/a',
      source: source(),
      options: ['rbind', 'idmap'],
      uidMappings,
      gidMappings,
    };
    expect(owners(having(mount))).toEqual(['9:0', '7:1000', '8:5000']);
  });

  test('maps new files back to ids on the disk', () => {
    const dir = source();
    const mount = { destination: '/a', source: dir, options: ['bind', 'idmap'], ...own };
    box.shell('echo new >/a/new', bundle => {
      having(mount)(bundle);
      bundle.config.process.user = { uid: 200_042, gid: 200_043 };
    });
    expect(statSync(join(dir, 'new'))).toMatchObject({ uid: 42, gid: 43 });
  });

  test('does not change its source', () => {
    const dir = source();
    owners(having({ destination: '/a', source: dir, options: ['bind', 'idmap'], ...own }));
    expect(statSync(join(dir, '1000')).uid).toBe(1000);
  });

  test('has the other options of its entry', () => {
    const mount = { destination: '/a', source: source(), options: ['bind', 'idmap', 'ro', 'noexec'], ...own };
    const report = box.inside(having(mount));
    expect(mountAt(report, '/a').options).toEqual(expect.arrayContaining(['ro', 'noexec']));
  });

  test('works beside mounts with the same and with other mappings', () => {
    const dir = source();
    const seen = box.shell(
      'stat -c %u /a/1000 /b/1000 /c/1000 /d/1000',
      having(
        { destination: '/a', source: dir, options: ['bind', 'idmap'], ...own },
        { destination: '/b', source: dir, options: ['bind', 'idmap'], ...own },
        { destination: '/c', source: dir, options: ['bind', 'idmap'], ...mapped([0, 300_000, 2000]) },
        { destination: '/d', source: dir, options: ['bind'] },
      ),
    );
    expect(seen.trim().split('\n')).toEqual(['201000', '201000', '301000', '1000']);
  });

  test('may be a file, with a source relative to the bundle', () => {
    const seen = box.shell('stat -c %u /a', bundle => {
      writeFileSync(join(bundle.dir, 'file'), '');
      having({ destination: '/a', source: 'file', options: ['bind', 'idmap'], ...own })(bundle);
    });
    expect(seen.trim()).toBe('200000');
  });

  describe('over another mount', () => {
    const withInner = (): string => {
      const dir = source();
      const inner = join(dir, 'inner');
      mkdirSync(inner);
      box.view.sh(
        `mount -t tmpfs inner ${inner} && cd ${inner} && touch 0 1000 5000 && chown 1000:1000 1000`,
      );
      mounted.push(inner);
      return dir;
    };

    test.each([
      ['idmap', '1000:1000'],
      ['ridmap', '201000:201000'],
    ])('with %s shows the owner of the mount below as %s', (option, seen) => {
      const mount = { destination: '/a', source: withInner(), options: ['rbind', option], ...own };
      expect(owners(having(mount))[1]).toBe('201000:201000');
      expect(owners(having(mount), '/a/inner')[1]).toBe(seen);
    });
  });

  describe('whose source an earlier mount provides', () => {
    const earlier = (): TestMount => ({ destination: '/early', source: source(), options: ['bind'] });
    const again = (from: string, ...options: string[]): TestMount => {
      return { destination: '/a', source: from, options: ['rbind', ...options], ...own };
    };

    test('shows that earlier mount', () => {
      const seen = owners(bundle => having(earlier(), again(bundle.inRoot('early')))(bundle));
      expect(seen).toEqual(['200000:200000', '201000:201000', `${overflowId}:${overflowId}`]);
    });

    test('shows that earlier mount also through another path to the root', () => {
      const seen = owners(bundle => {
        symlinkSync(bundle.rootfs, join(bundle.dir, 'way'));
        having(earlier(), again(join(bundle.dir, 'way', 'early')))(bundle);
      });
      expect(seen).toEqual(['200000:200000', '201000:201000', `${overflowId}:${overflowId}`]);
    });

    test('includes the mounts below, and maps them too with ridmap', () => {
      const inner = { destination: '/early/inner', source: source(), options: ['bind'] };
      const users = (option: string): string =>
        box.shell('stat -c %u /a/1000 /a/inner/1000', bundle => {
          const outer = box.mkdir('outer');
          mkdirSync(join(outer, 'inner'));
          const first = { destination: '/early', source: source(outer), options: ['bind'] };
          having(first, inner, again(bundle.inRoot('early'), option))(bundle);
        });
      expect(users('idmap')).toBe('201000\n1000\n');
      expect(users('ridmap')).toBe('201000\n201000\n');
    });

    test('shows that earlier mount in a user namespace', () => {
      const mapping = mapped([0, first + 5, 1001]);
      const seen = owners(bundle => {
        bundle.userNamespace(first, 2000);
        having(earlier(), { ...again(bundle.inRoot('early')), ...mapping })(bundle);
      });
      expect(seen).toEqual(['5:5', '1005:1005', `${overflowId}:${overflowId}`]);
    });

    test('is refused with its name if the source does not exist', () => {
      const failure = box.refuses(
        box.bundle(bundle => having(again(bundle.inRoot('nothing')), earlier())(bundle)),
      );
      if (!isTsubo) return;
      expect(failure.record).toMatchObject({
        pointer: '/mounts/7',
        errnoName: 'ENOENT',
        syscall: 'open_tree',
      });
      expect(failure.record.msg).toMatch(/error mounting ".*\/nothing" to rootfs at "\/a"/);
    });
  });

  describe('in a user namespace', () => {
    const inUserNamespace =
      (...mounts: TestMount[]) =>
      (bundle: Bundle): void => {
        bundle.userNamespace(first, 2000);
        having(...mounts)(bundle);
      };

    test('has the mappings of the namespace if the entry has none', () => {
      const dir = source();
      const [idmap, plain] = ['idmap', 'rw'].map(option =>
        owners(inUserNamespace({ destination: '/a', source: dir, options: ['bind', option] })),
      );
      expect(idmap).toEqual(['0:0', '1000:1000', `${overflowId}:${overflowId}`]);
      expect(plain).toEqual([
        `${overflowId}:${overflowId}`,
        `${overflowId}:${overflowId}`,
        `${overflowId}:${overflowId}`,
      ]);
    });

    test('has the mappings of its entry', () => {
      const mount = {
        destination: '/a',
        source: source(),
        options: ['bind', 'idmap'],
        ...mapped([0, first + 5, 1001]),
      };
      expect(owners(inUserNamespace(mount))).toEqual(['5:5', '1005:1005', `${overflowId}:${overflowId}`]);
    });

    test('lets container root write as root of the disk', () => {
      const dir = source();
      const mount = { destination: '/a', source: dir, options: ['bind', 'idmap'] };
      box.shell('echo new >/a/new', inUserNamespace(mount));
      expect(statSync(join(dir, 'new'))).toMatchObject({ uid: 0, gid: 0 });
    });

    test('that is joined has the mappings of that namespace', context => {
      skipWhere(context, 'crun', 'maps no ids in a joined user namespace');
      const other = box.running(bundle => bundle.userNamespace(first, 2000));
      const path = `/proc/${box.state(other.id).pid}/ns/user`;
      const mount = { destination: '/a', source: source(), options: ['bind', 'idmap'] };
      const seen = owners(bundle => {
        bundle.chown(first);
        bundle.namespace('user', path);
        having(mount)(bundle);
      });
      expect(seen).toEqual(['0:0', '1000:1000', `${overflowId}:${overflowId}`]);
      expect(readlinkSync(path)).toMatch(/^user:/);
    });
  });

  test('of a file system without support is refused', () => {
    const mount = { destination: '/a', source: '/proc/sys', options: ['bind', 'idmap'], ...own };
    const failure = box.refuses(box.bundle(having(mount)));
    if (!isTsubo) return;
    expect(failure.record).toMatchObject({ pointer: '/mounts/7', errnoName: 'EINVAL' });
    expect(failure.record['hint']).toContain('supports no id-mapped mounts');
  });

  test.each([
    ['without a bind', { destination: '/a', type: 'tmpfs', source: 'tmpfs', options: ['idmap'], ...own }],
    [
      'with users alone',
      { destination: '/a', source: '/tmp', options: ['bind'], uidMappings: own.uidMappings },
    ],
    ['with no mappings at all', { destination: '/a', source: '/tmp', options: ['bind', 'idmap'] }],
  ] satisfies [string, TestMount][])('%s is refused', (_, mount) => {
    const failure = box.refuses(box.bundle(having(mount)));
    if (isTsubo) expect(failure.record.code).toBe('config.mount.idmap');
  });
});

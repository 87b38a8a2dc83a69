// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { MOUNT_ATTR, MS } from '../../../src/kernel/mount.ts';
import type { Mount } from '../../../src/oci/config.ts';
import { mountFlags } from '../../../src/plan/mount-target.ts';
import { facts, orderOf, planFor, stepsOf } from '../../helpers/plan.ts';

const A = MOUNT_ATTR;
const others = A.MOUNT_ATTR_NOSUID | A.MOUNT_ATTR_NODEV | A.MOUNT_ATTR_NOEXEC | A.MOUNT_ATTR_NOSYMFOLLOW;

function bind(options: string[], more: Partial<Mount> = {}) {
  const plan = planFor({ mounts: [{ destination: '/data', source: '/srv/data', options, ...more }] });
  return stepsOf(plan, 'bind')[0];
}

function tmpfs(options: string[], destination = '/t') {
  return planFor({ mounts: [{ destination, type: 'tmpfs', source: 'tmpfs', options }] });
}

describe('a bind of /sys', () => {
  const readOnlyTree = (source: string, options: string[], more: Parameters<typeof planFor>[0] = {}) => {
    const linux = { namespaces: [{ type: 'mount' as const }, { type: 'user' as const }] };
    const plan = planFor({ mounts: [{ destination: '/sys', source, options }], linux, ...more });
    return stepsOf(plan, 'changeMount').filter(
      step => step.recursive === 1 && step.attributesSet === A.MOUNT_ATTR_RDONLY,
    );
  };

  it.each(['/sys', '/sys/', '/sys/fs', '/sys/fs/cgroup'])(
    'that is readonly in a user namespace includes its cgroups: %s',
    source => {
      expect(readOnlyTree(source, ['rbind', 'ro'])).toEqual([
        expect.objectContaining({ origin: '/mounts/0', slot: 0, attributesClear: 0 }),
      ]);
    },
  );

  it('obeys the last option', () => {
    const linux = { namespaces: [{ type: 'mount' as const }, { type: 'user' as const }] };
    const mounts = [{ destination: '/sys', source: '/sys', options: ['rbind', 'ro', 'rrw'] }];
    expect(stepsOf(planFor({ mounts, linux }), 'changeMount').at(-1)).toMatchObject({
      attributesClear: A.MOUNT_ATTR_RDONLY,
      recursive: 1,
    });
  });

  it.each<[string, string, string[], Parameters<typeof planFor>[0]]>([
    ['that can be written to', '/sys', ['rbind'], {}],
    ['without what is mounted in it', '/sys', ['bind', 'ro'], {}],
    ['of another directory', '/sys/kernel', ['rbind', 'ro'], {}],
    ['of the whole machine', '/', ['rbind', 'ro'], {}],
    ['without a user namespace', '/sys', ['rbind', 'ro'], { linux: { namespaces: [{ type: 'mount' }] } }],
    [
      'on a kernel that changes only the top mount',
      '/sys',
      ['rbind', 'ro'],
      { facts: { kernel: { release: '5.11.0', major: 5, minor: 11 } } },
    ],
  ])('is not changed: a bind %s', (_, source, options, more) => {
    expect(readOnlyTree(source, options, more)).toEqual([]);
  });
});

describe('a bind', () => {
  it('without options keeps the attributes of its source', () => {
    expect(bind(['bind'])).toEqual({
      op: 'bind',
      origin: '/mounts/0',
      source: '/srv/data',
      target: '/data',
      recursive: 0,
      tree: 0,
      inRoot: 0,
      attributesSet: 0,
      attributesClear: 0,
      attributesInsist: 0,
      flags: 0,
    });
  });

  it('is recursive with rbind, whatever its type', () => {
    expect(bind(['rbind'], { type: 'tmpfs' })).toMatchObject({ recursive: 1, attributesSet: 0 });
  });

  it('clears attributes without options if an option is given, and accepts a failure', () => {
    expect(bind(['bind', 'ro'])).toMatchObject({
      attributesSet: A.MOUNT_ATTR_RDONLY,
      attributesClear: others,
      attributesInsist: 0,
    });
  });

  it('requires the clearing of attributes that an option names', () => {
    expect(bind(['bind', 'rw', 'suid', 'nodev'])).toMatchObject({
      attributesSet: A.MOUNT_ATTR_NODEV,
      attributesClear: A.MOUNT_ATTR_RDONLY | (others & ~A.MOUNT_ATTR_NODEV),
      attributesInsist: A.MOUNT_ATTR_RDONLY | A.MOUNT_ATTR_NOSUID,
    });
  });

  it('obeys the last of two opposite options', () => {
    expect(bind(['bind', 'ro', 'rw'])).toMatchObject({
      attributesSet: 0,
      attributesInsist: A.MOUNT_ATTR_RDONLY,
    });
    expect(bind(['bind', 'rw', 'ro'])).toMatchObject({
      attributesSet: A.MOUNT_ATTR_RDONLY,
      attributesInsist: 0,
    });
  });

  it('changes access times only by option, and then the whole mask', () => {
    expect(Number(bind(['bind', 'ro'])?.attributesClear) & A.MOUNT_ATTR__ATIME).toBe(0);
    for (const [word, kind] of [
      ['relatime', 0],
      ['noatime', A.MOUNT_ATTR_NOATIME],
      ['strictatime', A.MOUNT_ATTR_STRICTATIME],
    ] as const) {
      const step = bind(['bind', word]);
      expect(step?.attributesSet).toBe(kind);
      expect(Number(step?.attributesClear)).toBe(
        A.MOUNT_ATTR__ATIME | A.MOUNT_ATTR_NODIRATIME | A.MOUNT_ATTR_RDONLY | others,
      );
      expect(step?.attributesInsist).toBe(A.MOUNT_ATTR__ATIME);
    }
  });

  it('sets relatime with nodiratime, as mount(2) does', () => {
    const step = bind(['bind', 'nodiratime']);
    expect(step?.attributesSet).toBe(A.MOUNT_ATTR_NODIRATIME);
    const changed = A.MOUNT_ATTR__ATIME | A.MOUNT_ATTR_NODIRATIME;
    expect(Number(step?.attributesClear) & changed).toBe(A.MOUNT_ATTR__ATIME);
    expect(step?.attributesInsist).toBe(A.MOUNT_ATTR__ATIME);
  });

  it('does not set nosymfollow on kernels that lack it', () => {
    const kernel = { release: '5.13.0', major: 5, minor: 13 };
    const mounts = [{ destination: '/d', source: '/s', options: ['bind', 'ro'] }];
    expect(stepsOf(planFor({ mounts, facts: { kernel } }), 'bind')[0]?.attributesClear).toBe(
      A.MOUNT_ATTR_NOSUID | A.MOUNT_ATTR_NODEV | A.MOUNT_ATTR_NOEXEC,
    );
  });

  it('resolves a relative source from the bundle and a relative destination from /', () => {
    expect(bind(['bind'], { source: '../x/./y', destination: 'a/../b' })).toMatchObject({
      source: '/x/y',
      target: '/b',
    });
  });

  it('accepts no option of a file system', () => {
    expect(() => bind(['bind', 'ro', 'size=1m'])).toThrowError(
      expect.objectContaining({
        code: 'config.mount.bind-options',
        pointer: '/mounts/0/options/2',
        message: expect.stringContaining('bind mounts cannot have any filesystem-specific options applied'),
      }),
    );
  });

  it('requires a source', () => {
    expect(() => bind(['bind'], { source: '' })).toThrowError(
      expect.objectContaining({ code: 'config.mount.source', pointer: '/mounts/0/source' }),
    );
  });

  it('is followed by its propagation and its recursive options, each with its pointer', () => {
    const plan = planFor({
      mounts: [
        { destination: '/d', source: '/s', options: ['rro', 'rbind', 'rslave', 'shared', 'rnoatime'] },
      ],
    });
    const nothing = { op: 'changeMount', slot: 0, attributesSet: 0, attributesClear: 0, propagation: 0 };
    expect(stepsOf(plan, 'changeMount')).toEqual([
      { ...nothing, origin: '/mounts/0/options/2', propagation: MS.MS_SLAVE, recursive: 1 },
      { ...nothing, origin: '/mounts/0/options/3', propagation: MS.MS_SHARED, recursive: 0 },
      { ...nothing, origin: '/mounts/0/options/0', attributesSet: A.MOUNT_ATTR_RDONLY, recursive: 1 },
      {
        ...nothing,
        origin: '/mounts/0/options/4',
        attributesSet: A.MOUNT_ATTR_NOATIME,
        attributesClear: A.MOUNT_ATTR__ATIME,
        recursive: 1,
      },
    ]);
    // A recursive option alone does not change the top mount separately.
    expect(stepsOf(plan, 'bind')[0]).toMatchObject({ attributesSet: 0, attributesClear: 0 });
  });
});

describe('a new file system', () => {
  it('separates superblock options from mount options, and sets options of mount(2) in both', () => {
    const options = [
      'nosuid',
      'ro',
      'sync',
      'dirsync',
      'mand',
      'lazytime',
      'strictatime',
      'nodiratime',
      'iversion',
    ];
    const plan = planFor({ mounts: [{ destination: '/x', type: 'ext4', source: '/dev/vdb', options }] });
    expect(stepsOf(plan, 'mount')[0]).toMatchObject({
      fstype: 'ext4',
      source: '/dev/vdb',
      options: ['ro', 'sync', 'dirsync', 'mand', 'lazytime'],
      attributes:
        A.MOUNT_ATTR_RDONLY | A.MOUNT_ATTR_NOSUID | A.MOUNT_ATTR_STRICTATIME | A.MOUNT_ATTR_NODIRATIME,
      flags: 0,
    });
  });

  it('ranks access times as mount(2) does', () => {
    const of = (...options: string[]) => stepsOf(tmpfs(options), 'mount')[0]?.attributes;
    expect(of()).toBe(0);
    expect(of('relatime')).toBe(0);
    expect(of('noatime')).toBe(A.MOUNT_ATTR_NOATIME);
    expect(of('strictatime', 'noatime')).toBe(A.MOUNT_ATTR_STRICTATIME);
    expect(of('noatime', 'atime')).toBe(0);
  });

  it('receives unknown options as its own, split where the kernel would split them', () => {
    const options = ['mode=755,size=1m', 'mpol=bind:0,2', 'defaults', ''];
    expect(stepsOf(tmpfs(options), 'mount')[0]?.options).toEqual(['mode=755', 'size=1m', 'mpol=bind:0,2']);
    const overlay = {
      destination: '/o',
      type: 'overlay',
      source: 'o',
      options: ['lowerdir=/a\\,b:/c,upperdir=/u'],
    };
    expect(stepsOf(planFor({ mounts: [overlay] }), 'mount')[0]?.options).toEqual([
      'lowerdir=/a\\,b:/c',
      'upperdir=/u',
    ]);
  });

  it('accepts an option that is also a property of every JavaScript object', () => {
    expect(stepsOf(tmpfs(['constructor', 'toString']), 'mount')[0]?.options).toEqual([
      'constructor',
      'toString',
    ]);
  });

  it('requires a type', () => {
    expect(() => planFor({ mounts: [{ destination: '/x', source: '/y' }] })).toThrowError(
      expect.objectContaining({ code: 'config.mount.type', pointer: '/mounts/0/type' }),
    );
  });

  it('does not ignore remount', () => {
    expect(() => tmpfs(['nosuid', 'remount'])).toThrowError(
      expect.objectContaining({ code: 'config.unsupported', pointer: '/mounts/0/options/1' }),
    );
  });
});

describe('a tmpfs', () => {
  it('has the mode of its mount point by default', () => {
    expect(stepsOf(tmpfs([]), 'mount')[0]?.flags).toBe(mountFlags.inheritMode);
    expect(stepsOf(tmpfs(['mode=700']), 'mount')[0]?.flags).toBe(0);
  });

  it('copies its mount point on request', () => {
    expect(stepsOf(tmpfs(['tmpcopyup']), 'mount')[0]).toMatchObject({
      flags: mountFlags.copyUp | mountFlags.inheritMode,
      options: [],
    });
  });

  it.each(['ro', 'rro'])('becomes readonly with %s after all content is made, and only as a mount', word => {
    const plan = tmpfs([word, 'nosuid']);
    const late = 2; // 1 is the FIFO of start
    expect(stepsOf(plan, 'mount')[0]).toMatchObject({ options: [], attributes: A.MOUNT_ATTR_NOSUID });
    expect(stepsOf(plan, 'keepMount')).toEqual([{ op: 'keepMount', origin: '/mounts/0', slot: late }]);
    expect(stepsOf(plan, 'changeMount')).toEqual([
      {
        op: 'changeMount',
        origin: '/mounts/0',
        slot: late,
        attributesSet: A.MOUNT_ATTR_RDONLY,
        attributesClear: 0,
        propagation: 0,
        recursive: 0,
      },
    ]);
    expect(orderOf(plan, 'makeDirectory', 'changeMount')).toEqual(['makeDirectory', 'changeMount']);
  });

  it('is refused if there are more than the init can keep', () => {
    const mounts = Array.from({ length: 131_072 }, (_, i) => ({
      destination: `/t${i}`,
      type: 'tmpfs',
      options: ['ro'],
    }));
    expect(() => planFor({ mounts })).toThrowError(expect.objectContaining({ code: 'config.unsupported' }));
  });
});

describe('/dev', () => {
  it('of any type becomes readonly last', () => {
    const plan = planFor({
      mounts: [{ destination: '/dev/', type: 'devtmpfs', source: 'dev', options: ['ro'] }],
    });
    expect(stepsOf(plan, 'mount')[0]).toMatchObject({ target: '/dev', options: [], attributes: 0 });
    const order = ['makeDevice', 'replaceSymlink', 'changeMount'] as const;
    expect(orderOf(plan, ...order)).toEqual(order);
  });
});

describe('/proc and /sys', () => {
  const proc = { destination: '/proc', type: 'proc', source: 'proc' };

  it('are mounted only on real directories', () => {
    const plan = planFor({
      mounts: [proc, { destination: '/sys', type: 'sysfs', source: 'sysfs', options: ['ro'] }],
    });
    expect(stepsOf(plan, 'mount').map(step => step.flags)).toEqual([
      mountFlags.ordinaryDirectory,
      mountFlags.ordinaryDirectory,
    ]);
  });

  it('accepts a bound procfs on /proc', () => {
    const plan = planFor({ mounts: [{ destination: '/proc', source: '/proc', options: ['rbind'] }] });
    expect(stepsOf(plan, 'bind')[0]?.flags).toBe(mountFlags.sourceIsProc);
  });

  it('accepts no other mount there', () => {
    expect(() => tmpfs([], '/x/../proc')).toThrowError(
      expect.objectContaining({ code: 'config.mount.proc', pointer: '/mounts/0/destination' }),
    );
  });

  it('allows mounts over the files that lxcfs replaces', () => {
    const cover = { destination: '/proc/meminfo', source: '/lxcfs/meminfo', options: ['bind'] };
    expect(stepsOf(planFor({ mounts: [proc, cover] }), 'bind')[0]?.flags).toBe(mountFlags.insideProc);
  });

  it.each(['/proc/sys/kernel/core_pattern', '/proc/self/attr/exec', '/proc/net/dev'])(
    'allows no mount over %s',
    destination => {
      expect(() =>
        planFor({ mounts: [proc, { destination, source: '/x', options: ['bind'] }] }),
      ).toThrowError(
        expect.objectContaining({ code: 'config.mount.inside-proc', pointer: '/mounts/1/destination' }),
      );
    },
  );
});

it('allows no mount over the root', () => {
  expect(() => tmpfs([], '/a/..')).toThrowError(
    expect.objectContaining({ code: 'config.mount.root', pointer: '/mounts/0/destination' }),
  );
});

describe('a cgroup mount', () => {
  const mounts = [
    { destination: '/sys/fs/cgroup', type: 'cgroup', source: 'cgroup', options: ['nosuid', 'ro'] },
  ];
  const namespaces = [{ type: 'mount' as const }, { type: 'cgroup' as const }];

  it('is new in a cgroup namespace, and a bind of the cgroup if the kernel refuses it', () => {
    expect(stepsOf(planFor({ mounts, linux: { namespaces } }), 'mountCgroup')).toEqual([
      {
        op: 'mountCgroup',
        origin: '/mounts/0',
        target: '/sys/fs/cgroup',
        fallback: '/sys/fs/cgroup/system.slice/jar',
        options: ['ro'],
        places: [1],
        attributes: A.MOUNT_ATTR_NOSUID | A.MOUNT_ATTR_RDONLY,
        flags: 0,
      },
    ]);
  });

  it('is the mount of the host without a cgroup namespace, which keeps its options', () => {
    const cgroup = { layout: 'hybrid', mountpoint: '/sys/fs/cgroup/unified', own: '/' } as const;
    const plan = planFor({ mounts, facts: { ...facts, cgroup } });
    expect(stepsOf(plan, 'bind', 'changeMount')).toMatchObject([
      {
        op: 'bind',
        source: '/sys/fs/cgroup/unified',
        target: '/sys/fs/cgroup',
        recursive: 0,
        attributesSet: A.MOUNT_ATTR_NOSUID | A.MOUNT_ATTR_RDONLY,
      },
      { op: 'changeMount', slot: 0, propagation: MS.MS_PRIVATE },
    ]);
    expect(stepsOf(plan, 'mountCgroup')).toEqual([]);
  });
});

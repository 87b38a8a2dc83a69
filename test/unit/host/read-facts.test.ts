// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import type { Binding, HostIdentity } from '../../../src/host/binding.d.ts';
import { cgroup2Mountpoint, ownCgroup, parseKernelRelease, readFacts } from '../../../src/host/read-facts.ts';

const cgroup2 = 0x63677270;
const tmpfs = 0x01021994;

const identity: HostIdentity = {
  machine: 'x86_64',
  release: '6.1.0-18-amd64',
  euid: 0,
  egid: 0,
  boundingCapabilities: 0x1ff_ffff_ffffn,
  permittedCapabilities: 0x1ff_ffff_ffffn,
  lastCapability: 40,
  ignoredSignals: 1n << 12n,
};

/** A machine with these files and file systems. */
function machine(
  files: Record<string, string>,
  filesystems: Record<string, number>,
  who: Partial<HostIdentity> = {},
): Binding {
  return {
    identity: () => ({ ...identity, ...who }),
    filesystemType: (path: string) => filesystems[path],
    readText: (path: string) => {
      const text = files[path];
      if (text === undefined) throw Object.assign(new Error('ENOENT'), { syscall: 'open', errno: 2, path });
      return text;
    },
  } as unknown as Binding;
}

describe('readFacts', () => {
  it('detects the unified layout', () => {
    const facts = readFacts(
      machine({ '/proc/self/cgroup': '0::/user.slice/x.scope\n' }, { '/sys/fs/cgroup': cgroup2 }),
    );
    expect(facts).toEqual({
      kernel: { release: '6.1.0-18-amd64', major: 6, minor: 1 },
      machine: 'x86_64',
      euid: 0,
      egid: 0,
      capabilities: { bounding: 0x1ff_ffff_ffffn, permitted: 0x1ff_ffff_ffffn, last: 40 },
      ignoredSignals: 1n << 12n,
      cgroup: { layout: 'unified', mountpoint: '/sys/fs/cgroup', own: '/user.slice/x.scope' },
    });
  });

  it('detects the hybrid layout at the path of systemd', () => {
    const files = { '/proc/self/cgroup': '4:memory:/a\n0::/b\n' };
    const facts = readFacts(machine(files, { '/sys/fs/cgroup': tmpfs, '/sys/fs/cgroup/unified': cgroup2 }));
    expect(facts.cgroup).toEqual({ layout: 'hybrid', mountpoint: '/sys/fs/cgroup/unified', own: '/b' });
  });

  it('finds a cgroup2 mount at an unusual path', () => {
    const mountinfo = [
      '27 1 254:0 / / rw,relatime - ext4 /dev/vda rw',
      '40 27 0:38 /part /only/a/part rw shared:3 - cgroup2 cgroup2 rw',
      '41 27 0:38 / /mnt/cg\\040two rw,relatime shared:4 master:1 - cgroup2 cgroup2 rw',
    ].join('\n');
    const files = { '/proc/self/cgroup': '0::/\n', '/proc/self/mountinfo': mountinfo };
    expect(readFacts(machine(files, {})).cgroup).toEqual({
      layout: 'hybrid',
      mountpoint: '/mnt/cg two',
      own: '/',
    });
  });

  it('reports a missing cgroup2', () => {
    expect(readFacts(machine({}, { '/sys/fs/cgroup': tmpfs })).cgroup).toEqual({
      layout: 'none',
      mountpoint: '',
      own: '/',
    });
  });

  it('refuses other processors', () => {
    expect(() => readFacts(machine({}, {}, { machine: 'riscv64' }))).toThrowError(
      expect.objectContaining({ code: 'host.unsupported', value: 'riscv64' }),
    );
  });
});

describe('procfs', () => {
  it('yields the kernel version', () => {
    expect(parseKernelRelease('5.10.0-rc1')).toEqual({ release: '5.10.0-rc1', major: 5, minor: 10 });
    expect(parseKernelRelease('odd')).toEqual({ release: 'odd', major: 0, minor: 0 });
  });

  it('yields the own cgroup', () => {
    expect(ownCgroup('12:pids:/x\n0::/a/b (deleted)\n')).toBe('/a/b');
    expect(ownCgroup('0::/../../sibling\n')).toBe('/');
    expect(ownCgroup('1:cpu:/x\n')).toBe('/');
  });

  it('yields no mount point without a mount', () => {
    expect(cgroup2Mountpoint('31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n')).toBeUndefined();
  });
});

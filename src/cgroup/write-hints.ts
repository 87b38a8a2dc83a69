// SPDX-License-Identifier: Apache-2.0

import { errno } from '../errors/errno.ts';
import type { Binding } from '../host/binding.d.ts';
import type { HostFacts } from '../host/facts.ts';
import { lookUp } from '../oci/look-up.ts';
import { hugePageSizes } from './hugetlb.ts';

/** Returns a likely cause for the kernel's refusal of a value, if one can be determined. */
export function writeHint(
  binding: Binding,
  path: string,
  file: string,
  value: string,
  number: number,
): string | undefined {
  if (number === errno.ENOENT) return missingFile(binding, file);
  const known = lookUp(refusals(), file)?.[number];
  if (known !== undefined) return known;
  if (file.startsWith('cpuset.') && number !== errno.EINVAL) {
    const have = binding.readTextIfThere(`${path}/${file}.effective`)?.trim();
    return have === undefined ? undefined : `the cgroup has ${file} ${have}`;
  }
  if (number === errno.ENODEV && /^\d+:\d+ /.test(value))
    return 'there is no such block device, or it is a partition';
  return undefined;
}

const devices = 'use MAJOR:MINOR of a whole disk, as in /proc/partitions';

const refusals = (): Readonly<Record<string, Readonly<Record<number, string>>>> => ({
  'cpu.max': {
    [errno.EINVAL]:
      'period is 1000 to 1000000 microseconds, quota is at least 1000, and quota/period must not exceed that of a parent cgroup',
  },
  'cpu.max.burst': { [errno.EINVAL]: 'burst is at most the quota' },
  'cpu.weight': { [errno.EINVAL]: 'an idle cgroup has no weight' },
  'cpu.idle': { [errno.EINVAL]: 'idle is 0 or 1' },
  'io.max': { [errno.ENODEV]: devices, [errno.EINVAL]: `${devices}; rbps, wbps, riops and wiops above 0` },
  'io.weight': { [errno.ENODEV]: devices },
  'io.bfq.weight': {
    [errno.ENODEV]: devices,
    [errno.EOPNOTSUPP]:
      'the device does not use the scheduler bfq: see queue/scheduler of the device in /sys/block',
  },
  'rdma.max': { [errno.EINVAL]: 'there is no such RDMA device: see /sys/class/infiniband' },
  'memory.swap.max': { [errno.EINVAL]: 'use a number of bytes, or max' },
});

const needs: Readonly<Record<string, string>> = {
  'cpu.idle': 'this kernel was built without CONFIG_FAIR_GROUP_SCHED',
  'cpu.max': 'this kernel was built without CONFIG_CFS_BANDWIDTH',
  'cpu.max.burst': 'this kernel was built without CONFIG_CFS_BANDWIDTH',
  'memory.swap.max': 'this kernel counts no swap: boot with swapaccount=1, or leave swap out',
  'io.max': 'this kernel was built without CONFIG_BLK_DEV_THROTTLING',
  'io.weight': 'weights need the scheduler bfq or CONFIG_BLK_CGROUP_IOCOST',
};

/** The first kernels with control files that some supported kernels lack. */
const firstKernels: Readonly<Record<string, readonly [major: number, minor: number]>> = {
  'cgroup.kill': [5, 14],
  'cgroup.pressure': [6, 1],
  'cpu.idle': [5, 15],
  'cpu.max.burst': [5, 14],
  'cpuset.cpus.exclusive': [6, 7],
  'io.prio.class': [5, 14],
  'memory.peak': [5, 19],
  'memory.reclaim': [5, 19],
  'memory.swap.peak': [6, 5],
  'memory.zswap.max': [5, 19],
  'memory.zswap.writeback': [6, 8],
  'misc.max': [5, 13],
  'pids.peak': [6, 1],
};

/** Returns `Linux 5.10 has no cpu.max.burst (since 5.14)` if the kernel is too old for a control file. */
export function olderThanFile(
  { major, minor }: Pick<HostFacts['kernel'], 'major' | 'minor'>,
  file: string,
): string | undefined {
  const [firstMajor, firstMinor] = lookUp(firstKernels, file) ?? [0, 0];
  if (major > firstMajor || (major === firstMajor && minor >= firstMinor)) return undefined;
  return `Linux ${major}.${minor} has no ${file} (since ${firstMajor}.${firstMinor})`;
}

function missingFile(binding: Binding, file: string): string {
  if (file.startsWith('hugetlb.')) {
    const sizes = hugePageSizes(binding);
    return sizes.length === 0
      ? 'this machine has no huge pages'
      : `the sizes of this machine are ${sizes.join(', ')}`;
  }
  return lookUp(needs, file) ?? `this kernel has no cgroup file ${file}`;
}

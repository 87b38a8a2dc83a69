// SPDX-License-Identifier: Apache-2.0
import type { Binding } from '../../host/binding.d.ts';
import type { ContainerStats, CpuStats } from '../../oci/stats.ts';
import { processesOf } from '../processes.ts';
import { fileNumber, fileText, integer, keyed, noLimit, nonzero } from './files.ts';
import { hugetlbStats } from './hugetlb.ts';
import { ioStats } from './io.ts';
import { memoryStats } from './memory.ts';
import { pressure } from './pressure.ts';

const nanosecondsPerMicrosecond = 1000n;

/** The cpuset statistics of cgroup version 1. */
const cpuset = {
  cpu_exclusive: 0,
  mem_hardwall: 0,
  mem_exclusive: 0,
  memory_migrate: 0,
  memory_spread_page: 0,
  memory_spread_slab: 0,
  memory_pressure: 0,
  sched_load_balance: 0,
  sched_relax_domain_level: 0,
} as const;

/** Reads the statistics from the control files. Values of a missing controller are 0. */
export function cgroupStats(binding: Binding, cgroup: string): ContainerStats {
  return {
    cpu: cpuStats(binding, cgroup),
    cpuset,
    memory: memoryStats(binding, cgroup),
    pids: pidsStats(binding, cgroup),
    blkio: ioStats(binding, cgroup),
    hugetlb: hugetlbStats(binding, cgroup),
    intel_rdt: {},
    network_interfaces: null,
  };
}

/** Reads cpu.stat, which exists without the cpu controller too. Its times are in microseconds. */
function cpuStats(binding: Binding, cgroup: string): CpuStats {
  const stat = keyed(fileText(binding, cgroup, 'cpu.stat'));
  const time = (name: string): number | bigint => integer((stat.get(name) ?? 0n) * nanosecondsPerMicrosecond);
  return {
    usage: {
      ...nonzero({ total: time('usage_usec') }),
      kernel: time('system_usec'),
      user: time('user_usec'),
    },
    throttling: nonzero({
      periods: integer(stat.get('nr_periods')),
      throttledPeriods: integer(stat.get('nr_throttled')),
      throttledTime: time('throttled_usec'),
    }),
    ...pressure(binding, cgroup, 'cpu.pressure'),
  };
}

function pidsStats(binding: Binding, cgroup: string): ContainerStats['pids'] {
  const current = fileNumber(binding, cgroup, 'pids.current');
  const limit = fileNumber(binding, cgroup, 'pids.max');
  return nonzero({
    current: current === undefined ? processesOf(binding, cgroup).length : integer(current),
    limit: limit === noLimit ? 0 : integer(limit),
  });
}

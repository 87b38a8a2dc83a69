// SPDX-License-Identifier: Apache-2.0
import type { Binding } from '../../host/binding.d.ts';
import type { MemoryEntry, MemoryStats } from '../../oci/stats.ts';
import { fileNumber, fileText, integer, keyed, noLimit, nonzero } from './files.ts';
import { pressure } from './pressure.ts';

const nothing: MemoryEntry = { limit: 0, failcnt: 0 };

/** Reads memory.current, .max, .peak and .stat, and the same files of memory.swap. */
export function memoryStats(binding: Binding, cgroup: string): MemoryStats {
  const psi = pressure(binding, cgroup, 'memory.pressure');
  const usage = fileNumber(binding, cgroup, 'memory.current');
  const rest = { kernel: nothing, kernelTCP: nothing };
  if (usage === undefined) return { usage: nothing, swap: nothing, ...rest, ...psi };
  const limit = fileNumber(binding, cgroup, 'memory.max') ?? 0n;
  const stat = keyed(fileText(binding, cgroup, 'memory.stat'));
  const swapUsage = fileNumber(binding, cgroup, 'memory.swap.current') ?? 0n;
  const swapLimit = fileNumber(binding, cgroup, 'memory.swap.max') ?? 0n;
  const unlimited = limit === noLimit || swapLimit === noLimit;
  const raw = Object.fromEntries(
    [...stat.keys()].sort().map(name => [name, integer(stat.get(name))] as const),
  );
  return {
    ...nonzero({ cache: integer(stat.get('file')) }),
    usage: entry(limit, usage, fileNumber(binding, cgroup, 'memory.peak') ?? 0n),
    // The two peaks may have occurred at different times, therefore their sum is not a peak.
    swap: entry(unlimited ? noLimit : limit + swapLimit, usage + swapUsage, 0n),
    ...rest,
    ...(stat.size > 0 && { raw }),
    ...psi,
  };
}

function entry(limit: bigint, usage: bigint, max: bigint): MemoryEntry {
  return {
    limit: integer(limit),
    ...nonzero({ usage: integer(usage), max: integer(max) }),
    failcnt: 0,
  };
}

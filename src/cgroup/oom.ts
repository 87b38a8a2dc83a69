// SPDX-License-Identifier: Apache-2.0
import type { Binding } from '../host/binding.d.ts';

/**
 * The number of processes in the cgroup that the kernel has killed because of its memory limit; 0 if it has no
 * counter.
 */
export function oomKills(binding: Binding, path: string): number {
  const text = binding.readTextIfThere(`${path}/memory.events`) ?? '';
  return Number(/^oom_kill (\d+)$/m.exec(text)?.[1] ?? 0);
}

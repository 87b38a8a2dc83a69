// SPDX-License-Identifier: Apache-2.0
import type { Binding } from '../host/binding.d.ts';

/** How many processes of the cgroup the kernel has killed because it was full; 0 where that is not counted. */
export function oomKills(binding: Binding, path: string): number {
  const text = binding.readTextIfThere(`${path}/memory.events`) ?? '';
  return Number(/^oom_kill (\d+)$/m.exec(text)?.[1] ?? 0);
}

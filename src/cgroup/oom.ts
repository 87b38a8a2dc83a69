// SPDX-License-Identifier: Apache-2.0
import type { Binding } from '../host/binding.d.ts';
import { fileText, keyed } from './stats/files.ts';

/**
 * Returns the number of processes in the cgroup that the kernel has killed because of its memory limit; 0 if it has no
 * counter.
 */
export function oomKills(binding: Binding, path: string): number {
  return Number(keyed(fileText(binding, path, 'memory.events')).get('oom_kill') ?? 0);
}

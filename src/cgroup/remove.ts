// SPDX-License-Identifier: Apache-2.0
import { errno } from '../errors/errno.ts';
import { RuntimeError } from '../errors/error.ts';
import { hostFailure, isSystemError } from '../errors/system.ts';
import type { Binding } from '../host/binding.d.ts';
import { isBelow } from '../host/paths.ts';
import type { CgroupPlace } from './directory.ts';
import { isPopulated } from './freezer.ts';
import { childCgroups, killProcesses } from './processes.ts';

/** About one second in total: a process leaves its cgroup shortly after its parent can reap it. */
const pausesMs = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512];

/**
 * The action for processes in the cgroup. `kill`: a container ran there, and they belong to it. `spare`: no container
 * was recorded, and its init ended together with the runtime; the processes belong to another program, therefore the
 * cgroup stays.
 */
export type Occupants = 'kill' | 'spare';

/**
 * Removes the container's cgroup with all cgroups below it, then the unused parents that were created for it. It
 * ignores cgroups that are already gone.
 */
export function removeCgroup(binding: Binding, place: CgroupPlace, occupants: Occupants): void {
  if (!isBelow(place.path, place.root)) {
    throw new RuntimeError({
      code: 'internal',
      message: `${place.path} is not a cgroup below ${place.root}`,
    });
  }
  // Fast path: the cgroup is usually empty. The kernel returns EBUSY if it is not.
  if (!removeUnused(binding, place.path)) {
    if (occupants === 'kill') killProcesses(binding, place.path);
    else if (!becomesEmpty(binding, place.path)) return;
    removeBelow(binding, place.path);
  }
  for (const parent of [...place.made].reverse()) {
    if (parent === place.path || !isBelow(parent, place.root)) continue;
    if (!removeUnused(binding, parent)) break;
  }
}

/** Returns true if the cgroup is empty, after waiting shortly for processes that are exiting. */
export function becomesEmpty(binding: Binding, path: string): boolean {
  for (const pauseMs of pausesMs) {
    if (!isPopulated(binding, path)) return true;
    binding.sleepMs(pauseMs);
  }
  return !isPopulated(binding, path);
}

function removeBelow(binding: Binding, path: string): void {
  for (const pauseMs of [...pausesMs, 0]) {
    try {
      binding.rmdir(path);
      return;
    } catch (error) {
      if (!isSystemError(error)) throw error;
      if (error.errno === errno.ENOENT) return;
      if (error.errno !== errno.EBUSY || pauseMs === 0) {
        throw hostFailure(error, `unable to remove the cgroup ${path}`);
      }
      // List children only after EBUSY: most containers create no cgroups.
      const children = childCgroups(binding, path);
      for (const child of children) removeBelow(binding, child);
      if (children.length === 0) binding.sleepMs(pauseMs);
    }
  }
}

/** Returns false if the cgroup contains a process or a cgroup. */
function removeUnused(binding: Binding, path: string): boolean {
  try {
    binding.rmdir(path);
    return true;
  } catch (error) {
    if (!isSystemError(error)) throw error;
    if (error.errno === errno.ENOENT) return true;
    if (error.errno === errno.EBUSY || error.errno === errno.ENOTEMPTY) return false;
    throw hostFailure(error, `unable to remove the cgroup ${path}`);
  }
}

// SPDX-License-Identifier: Apache-2.0
import { errno } from '../errors/errno.ts';
import { RuntimeError } from '../errors/error.ts';
import { hostFailure, isSystemError } from '../errors/system.ts';
import type { Binding } from '../host/binding.d.ts';
import { isBelow } from '../host/paths.ts';
import type { CgroupPlace } from './directory.ts';
import { isPopulated } from './freezer.ts';
import { childCgroups, killProcesses } from './processes.ts';

/** About a second in all: a dying process leaves its cgroup a little after it can be waited for. */
const pausesMs = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512];

/**
 * What to do with processes in the cgroup. `kill` when a container lived there: they are its own. `spare` when none
 * was ever recorded: an init of ours has ended with its runtime, so they are somebody else's, and the cgroup with them.
 */
export type Occupants = 'kill' | 'spare';

/**
 * Removes the container's cgroup with all that was made below it, then the parents that were made for it and that
 * nobody else uses. What is already gone is fine.
 */
export function removeCgroup(binding: Binding, place: CgroupPlace, occupants: Occupants): void {
  if (!isBelow(place.path, place.root)) {
    throw new RuntimeError({
      code: 'internal',
      message: `${place.path} is not a cgroup below ${place.root}`,
    });
  }
  // Mostly nobody is in it any more, and the kernel knows: EBUSY otherwise.
  if (!removeUnused(binding, place.path)) {
    if (occupants === 'kill') killProcesses(binding, place.path);
    else if (!isLeft(binding, place.path)) return;
    removeBelow(binding, place.path);
  }
  for (const parent of [...place.made].reverse()) {
    if (parent === place.path || !isBelow(parent, place.root)) continue;
    if (!removeUnused(binding, parent)) break;
  }
}

/** True when nobody is in the cgroup, after waiting a little for a process that is just ending. */
export function isLeft(binding: Binding, path: string): boolean {
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
      // Looked for only now: most containers make no cgroups of their own.
      const children = childCgroups(binding, path);
      for (const child of children) removeBelow(binding, child);
      if (children.length === 0) binding.sleepMs(pauseMs);
    }
  }
}

/** False when it is in use: a process or a cgroup is in it. */
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

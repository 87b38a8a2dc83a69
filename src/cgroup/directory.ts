// SPDX-License-Identifier: Apache-2.0
import { errno } from '../errors/errno.ts';
import { RuntimeError } from '../errors/error.ts';
import { isSystemError, onHost } from '../errors/system.ts';
import type { Binding } from '../host/binding.d.ts';
import { isBelow, parentPath } from '../host/paths.ts';
import { isFrozen } from './freezer.ts';
import { processesOf } from './processes.ts';

/** A container's cgroup, as it is remembered in the state directory. */
export interface CgroupPlace {
  /** Where cgroup2 is mounted. Nothing at or above it is ever touched. */
  readonly root: string;
  /** The container's own directory, absolute, below `root`. */
  readonly path: string;
  /** The directories of the way to `path` and itself that were not there before, outermost first. */
  readonly made: readonly string[];
  /** The unit of systemd whose cgroup it is: systemd made it, and removes it. */
  readonly unit?: string;
  readonly manager?: 'system' | 'user';
}

const directoryMode = 0o755;
/** Another container's delete may take an empty parent away between two of our mkdirs. */
const attempts = 5;

/**
 * Where the cgroup will be and what has to be made for it. Looks, and makes nothing. A cgroup that is there already is
 * taken over when nobody is in it: refused here, before anything is written that lets a later delete end its processes.
 *
 * @throws RuntimeError `config.cgroups-path`, `state.cgroup-not-empty`, `state.cgroup-frozen`
 */
export function planCgroup(binding: Binding, root: string, path: string, origin: string): CgroupPlace {
  if (!isBelow(path, root)) {
    throw new RuntimeError({
      code: 'config.cgroups-path',
      pointer: origin,
      path,
      spec: 'config-linux.md#cgroups-path',
      message: `a container cannot live in the root cgroup ${root}`,
      hint: 'name a cgroup below it, for example /tsubo/my-container',
    });
  }
  const made: string[] = [];
  for (let at = path; at !== root && binding.stat(at) === undefined; at = parentPath(at)) made.unshift(at);
  if (made.length === 0) refuseOccupied(binding, path, origin);
  return { root, path, made };
}

/**
 * Makes the directories. Somebody may have been faster: who is in the cgroup now was not put there by us.
 *
 * @throws RuntimeError `state.cgroup-not-empty`, `state.cgroup-frozen`, `state.cgroup-threaded`, `host.syscall`
 */
export function makeCgroup(binding: Binding, place: CgroupPlace, origin: string): void {
  let ours = false;
  for (let attempt = 1; ; attempt++) {
    try {
      ours = makeMissing(binding, place, attempt === 1 ? place.made : wholeWay(place));
      break;
    } catch (error) {
      const parentVanished = isSystemError(error) && error.errno === errno.ENOENT;
      if (parentVanished && attempt < attempts) continue;
      onHost(
        `unable to make the cgroup ${place.path}`,
        () => {
          throw error;
        },
        { pointer: origin },
      );
    }
  }
  if (!ours) refuseOccupied(binding, place.path, origin);
  refuseThreaded(binding, place, origin);
}

/** Below a threaded cgroup no process can live that has memory of its own to count. */
function refuseThreaded(binding: Binding, { root, path }: CgroupPlace, origin: string): void {
  if (parentPath(path) === root) return;
  const type = binding.readTextIfThere(`${path}/cgroup.type`)?.trim();
  if (type !== 'threaded' && type !== 'domain invalid') return;
  throw new RuntimeError({
    code: 'state.cgroup-threaded',
    pointer: origin,
    path,
    value: type,
    message: `cannot make a container in the cgroup ${path}: it is in "${type}" mode, as a cgroup above it is threaded`,
    hint: 'name a cgroupsPath that is not below a threaded cgroup: see cgroup.type of those above',
    spec: 'config-linux.md#cgroups-path',
  });
}

function wholeWay(place: CgroupPlace): string[] {
  const way: string[] = [];
  for (let at = place.path; at !== place.root; at = parentPath(at)) way.unshift(at);
  return way;
}

/** True when the cgroup itself was made here and now, so that nobody else can be in it. */
function makeMissing(binding: Binding, place: CgroupPlace, directories: readonly string[]): boolean {
  let ours = false;
  for (const directory of directories) {
    try {
      binding.mkdir(directory, directoryMode);
      ours = directory === place.path;
    } catch (error) {
      if (!isSystemError(error) || error.errno !== errno.EEXIST) throw error;
    }
  }
  return ours;
}

/**
 * A cgroup that is there already must be empty, also one that systemd is to make.
 *
 * @throws RuntimeError `state.cgroup-not-empty`, `state.cgroup-frozen`
 */
export function requireVacant(binding: Binding, path: string, origin: string): void {
  if (binding.stat(path) !== undefined) refuseOccupied(binding, path, origin);
}

/** Processes of somebody else would get this container's limits and its SIGKILL; a frozen cgroup would hold the init for ever. */
function refuseOccupied(binding: Binding, path: string, origin: string): void {
  const found = processesOf(binding, path).length;
  if (found > 0) {
    throw new RuntimeError({
      code: 'state.cgroup-not-empty',
      pointer: origin,
      path,
      message: `container's cgroup is not empty: ${found} process(es) found`,
      hint: `see ${path}/cgroup.procs; every container needs a cgroup of its own`,
    });
  }
  if (isFrozen(binding, path)) {
    throw new RuntimeError({
      code: 'state.cgroup-frozen',
      pointer: origin,
      path,
      message: `container's cgroup unexpectedly frozen`,
      hint: `write 0 to cgroup.freeze in ${path} or in the cgroup above it that is frozen`,
    });
  }
}

// SPDX-License-Identifier: Apache-2.0
import { errno } from '../errors/errno.ts';
import { RuntimeError } from '../errors/error.ts';
import { isSystemError, onHost } from '../errors/system.ts';
import type { Binding } from '../host/binding.d.ts';
import { isBelow, parentPath } from '../host/paths.ts';
import { isFrozen } from './freezer.ts';
import { processesOf } from './processes.ts';

/** A container's cgroup, as stored in the state directory. */
export interface CgroupPlace {
  /** The mount point of cgroup2. Only directories below it are created and removed. */
  readonly root: string;
  /** The container's own directory, absolute, below `root`. */
  readonly path: string;
  /** The directories on the path, including `path`, that did not exist before; outermost first. */
  readonly made: readonly string[];
  /** The systemd unit that owns the cgroup: systemd creates and removes it. */
  readonly unit?: string;
  readonly manager?: 'system' | 'user';
}

const directoryMode = 0o755;
/** The delete of another container may remove an empty parent between two mkdir calls of this one. */
const attempts = 5;

/**
 * Returns the path of the cgroup and the directories to create; creates nothing. An existing cgroup is used if it is
 * empty. This check comes before the state is written, because a later delete kills all processes of a recorded
 * cgroup.
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
      message: `a container cannot use the root cgroup ${root}`,
      hint: 'name a cgroup below it, for example /tsubo/my-container',
    });
  }
  const made: string[] = [];
  onHost(
    `unable to look up the cgroup ${path}`,
    () => {
      for (let at = path; at !== root && binding.stat(at) === undefined; at = parentPath(at))
        made.unshift(at);
    },
    { pointer: origin },
  );
  if (made.length === 0) refuseOccupied(binding, path, origin);
  return { root, path, made };
}

/**
 * Creates the directories. If another process created the cgroup meanwhile, it must be empty: its processes are
 * not the container's.
 *
 * @throws RuntimeError `state.cgroup-not-empty`, `state.cgroup-frozen`, `state.cgroup-threaded`, `host.syscall`
 */
export function makeCgroup(binding: Binding, place: CgroupPlace, origin: string): void {
  let created = false;
  for (let attempt = 1; ; attempt++) {
    try {
      created = makeMissing(binding, place, attempt === 1 ? place.made : pathBelowRoot(place));
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
  if (!created) refuseOccupied(binding, place.path, origin);
  refuseThreaded(binding, place, origin);
}

/** The kernel does not allow domain controllers such as memory below a threaded cgroup. */
function refuseThreaded(binding: Binding, { root, path }: CgroupPlace, origin: string): void {
  if (parentPath(path) === root) return;
  const type = binding.readTextIfThere(`${path}/cgroup.type`)?.trim();
  if (type !== 'threaded' && type !== 'domain invalid') return;
  throw new RuntimeError({
    code: 'state.cgroup-threaded',
    pointer: origin,
    path,
    value: type,
    message: `cannot make a container in the cgroup ${path}: it is in "${type}" mode because a parent cgroup is threaded`,
    hint: 'use a cgroupsPath that is not below a threaded cgroup; cgroup.type of each parent shows its mode',
    spec: 'config-linux.md#cgroups-path',
  });
}

function pathBelowRoot(place: CgroupPlace): string[] {
  const directories: string[] = [];
  for (let at = place.path; at !== place.root; at = parentPath(at)) directories.unshift(at);
  return directories;
}

/** Returns true if this call created the cgroup itself, which is therefore empty. */
function makeMissing(binding: Binding, place: CgroupPlace, directories: readonly string[]): boolean {
  let created = false;
  for (const directory of directories) {
    try {
      binding.mkdir(directory, directoryMode);
      created = directory === place.path;
    } catch (error) {
      if (!isSystemError(error) || error.errno !== errno.EEXIST) throw error;
    }
  }
  return created;
}

/**
 * Requires an existing cgroup to be empty, also if systemd is going to create it.
 *
 * @throws RuntimeError `state.cgroup-not-empty`, `state.cgroup-frozen`
 */
export function requireVacant(binding: Binding, path: string, origin: string): void {
  if (binding.stat(path) !== undefined) refuseOccupied(binding, path, origin);
}

/**
 * Other processes would get the limits and the SIGKILL of this container; in a frozen cgroup the init would never
 * run.
 */
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
      hint: `write 0 to cgroup.freeze in ${path} or in the parent cgroup that is frozen`,
    });
  }
}

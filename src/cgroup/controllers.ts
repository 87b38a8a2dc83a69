// SPDX-License-Identifier: Apache-2.0
import { errno } from '../errors/errno.ts';
import { RuntimeError } from '../errors/error.ts';
import { hostFailure, refusalOf } from '../errors/system.ts';
import type { Binding, SystemError } from '../host/binding.d.ts';
import { unlessMissing } from '../host/files.ts';
import { parentPath } from '../host/paths.ts';
import { missingController } from './missing-controller.ts';
import type { CgroupWrite } from './write.ts';

/** The cgroup that is limited, and the mount point of cgroup2. */
export interface LimitedCgroup {
  readonly root: string;
  readonly path: string;
}

/** An error names at most this many of the processes that prevent enabling. */
const namedProcesses = 4;

/**
 * Enables every offered controller in each cgroup.subtree_control from the root of the hierarchy down to the parent
 * of the cgroup. Engines read the statistics of every container, and a container may enable in its own cgroup the
 * controllers that it has. A failure to enable a controller is an error only if `writes` need it.
 *
 * @throws RuntimeError `host.cgroup-controller` (the controller is missing), `host.cgroup-processes` (a cgroup on the
 *   path contains processes), `host.cgroup-threaded`, `host.syscall`
 */
export function enableControllers(
  binding: Binding,
  place: LimitedCgroup,
  writes: readonly CgroupWrite[],
): void {
  const needed = new Map<string, CgroupWrite>();
  for (const write of writes) {
    if (write.optional || write.controller === 'cgroup' || needed.has(write.controller)) continue;
    needed.set(write.controller, write);
  }
  const offered = wordsOf(binding, `${place.root}/cgroup.controllers`);
  for (const [controller, write] of needed) {
    if (!offered.includes(controller)) throw missingController(binding, place.root, offered, write);
  }
  let wanted = offered;
  if (wanted.length === 0) return;
  for (const directory of ancestors(place)) {
    const given = wordsOf(binding, `${directory}/cgroup.subtree_control`);
    const missing = wanted.filter(name => !given.includes(name));
    if (missing.length === 0) continue;
    const processes = directProcesses(binding, directory);
    if (processes === '' && enable(binding, directory, missing) === undefined) continue;
    // The kernel refuses the whole write if it refuses one controller: enable each one separately.
    for (const name of missing) {
      const error = processes === '' ? enable(binding, directory, [name]) : undefined;
      if (processes === '' && error === undefined) continue;
      const write = needed.get(name);
      if (write !== undefined) throw refused(binding, directory, name, write, processes, error);
      wanted = wanted.filter(other => other !== name);
    }
  }
}

/** Returns the names in a file that lists controllers; empty if the file is missing. */
export function wordsOf(binding: Binding, path: string): readonly string[] {
  return (binding.readTextIfThere(path) ?? '').split(/\s+/).filter(word => word !== '');
}

/** Returns the ancestors of the cgroup, from the root to its parent. */
function ancestors({ root, path }: LimitedCgroup): string[] {
  const way: string[] = [];
  for (let at = path; at !== root; ) {
    at = parentPath(at);
    way.unshift(at);
  }
  return way;
}

function enable(binding: Binding, directory: string, names: readonly string[]): SystemError | undefined {
  return refusalOf(() => {
    const text = names.map(name => `+${name}`).join(' ');
    binding.writeText(`${directory}/cgroup.subtree_control`, text, 0, 0);
  });
}

function refused(
  binding: Binding,
  directory: string,
  controller: string,
  { file, origin }: CgroupWrite,
  processes: string,
  error: SystemError | undefined,
): RuntimeError {
  const path = `${directory}/cgroup.subtree_control`;
  const fields = { pointer: origin, stage: 'host', path, value: `+${controller}` } as const;
  const attempted = `unable to set ${file}: the cgroup controller ${controller} cannot be enabled in ${path}`;
  if (error === undefined) {
    return new RuntimeError({
      ...fields,
      code: 'host.cgroup-processes',
      message: `${attempted}: processes are in ${directory}: ${processes}`,
      hint: 'a cgroup that contains processes cannot enable controllers for its children: move the processes, or use another cgroupsPath',
    });
  }
  const type = binding.readTextIfThere(`${directory}/cgroup.type`)?.trim() ?? 'domain';
  if (type !== 'domain') {
    return new RuntimeError({
      ...fields,
      code: 'host.cgroup-threaded',
      message: `${attempted}: the cgroup is in "${type}" mode`,
      hint: 'threaded cgroups have only cpu, cpuset, perf_event and pids: use another cgroupsPath',
    });
  }
  return hostFailure(error, attempted, { ...fields, hint: hintOf(controller, error.errno) });
}

function hintOf(controller: string, number: number): string | undefined {
  if (number === errno.EINVAL && controller === 'cpu') {
    return 'the cpu controller cannot be enabled while a process with realtime scheduling is outside the root cgroup';
  }
  const delegated = 'the cgroup was not delegated to this user';
  return number === errno.EPERM || number === errno.EACCES ? delegated : undefined;
}

/**
 * Returns the processes directly in the cgroup, for example `812 (sshd), 813 (bash)`. If there are any, the kernel
 * refuses domain controllers such as memory, and turns the cgroup into a threaded one for the others; a container
 * cannot be in a threaded cgroup. Only the root cgroup of the machine may contain processes and enable controllers.
 */
function directProcesses(binding: Binding, directory: string): string {
  const type = binding.readTextIfThere(`${directory}/cgroup.type`)?.trim();
  if (type === undefined || type === 'threaded') return '';
  const text = unlessMissing(() => binding.readText(`${directory}/cgroup.procs`)) ?? '';
  const pids = text.split('\n').filter(line => line !== '');
  const names = pids.slice(0, namedProcesses).map(pid => {
    // cgroup.procs contains 0 for a process outside the runtime's pid namespace.
    const name = pid === '0' ? undefined : binding.readTextIfThere(`/proc/${pid}/comm`)?.trim();
    return name === undefined ? pid : `${pid} (${name})`;
  });
  return [...names, ...(pids.length > namedProcesses ? ['...'] : [])].join(', ');
}

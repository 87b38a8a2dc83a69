// SPDX-License-Identifier: Apache-2.0
import { errno } from '../errors/errno.ts';
import { RuntimeError } from '../errors/error.ts';
import { hostFailure, refusalOf } from '../errors/system.ts';
import type { Binding, SystemError } from '../host/binding.d.ts';
import { unlessMissing } from '../host/files.ts';
import { parentPath } from '../host/paths.ts';
import { missingController } from './missing-controller.ts';
import type { CgroupWrite } from './write.ts';

/** Where limits are to hold: the cgroup, and the mount above which nothing is touched. */
export interface Limited {
  readonly root: string;
  readonly path: string;
}

/** Of the processes in the way, as many are named. */
const namedProcesses = 4;

/**
 * Hands all controllers that are offered down from the root of the hierarchy to the cgroup, through each
 * cgroup.subtree_control on the way: engines read the numbers of every container, and a container may hand down in its own
 * cgroup what it has been given. Only those that `writes` need must be enabled.
 *
 * @throws RuntimeError `host.cgroup-controller` (there is none), `host.cgroup-processes` (processes are in the way),
 *   `host.cgroup-threaded`, `host.syscall`
 */
export function enableControllers(binding: Binding, place: Limited, writes: readonly CgroupWrite[]): void {
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
  for (const directory of above(place)) {
    const given = wordsOf(binding, `${directory}/cgroup.subtree_control`);
    const lacking = wanted.filter(name => !given.includes(name));
    if (lacking.length === 0) continue;
    const standing = inTheWay(binding, directory);
    if (standing === '' && enable(binding, directory, lacking) === undefined) continue;
    // One of them is refused: each by itself.
    for (const name of lacking) {
      const error = standing === '' ? enable(binding, directory, [name]) : undefined;
      if (standing === '' && error === undefined) continue;
      const write = needed.get(name);
      if (write !== undefined) throw refused(binding, directory, name, write, standing, error);
      wanted = wanted.filter(other => other !== name);
    }
  }
}

/** The names in a file of controllers; none where it is not. */
export function wordsOf(binding: Binding, path: string): readonly string[] {
  return (binding.readTextIfThere(path) ?? '').split(/\s+/).filter(word => word !== '');
}

/** From the root to the cgroup that holds this one. */
function above({ root, path }: Limited): string[] {
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
  standing: string,
  error: SystemError | undefined,
): RuntimeError {
  const path = `${directory}/cgroup.subtree_control`;
  const fields = { pointer: origin, stage: 'host', path, value: `+${controller}` } as const;
  const attempted = `unable to set ${file}: the cgroup controller ${controller} cannot be enabled in ${path}`;
  if (error === undefined) {
    return new RuntimeError({
      ...fields,
      code: 'host.cgroup-processes',
      message: `${attempted}: processes are in ${directory}: ${standing}`,
      hint: 'only a cgroup without processes of its own can give controllers to those in it: move them away, or name another cgroupsPath',
    });
  }
  const type = binding.readTextIfThere(`${directory}/cgroup.type`)?.trim() ?? 'domain';
  if (type !== 'domain') {
    return new RuntimeError({
      ...fields,
      code: 'host.cgroup-threaded',
      message: `${attempted}: the cgroup is in "${type}" mode`,
      hint: 'threaded cgroups have only cpu, cpuset, perf_event and pids: name another cgroupsPath',
    });
  }
  return hostFailure(error, attempted, { ...fields, hint: hintOf(controller, error.errno) });
}

function hintOf(controller: string, number: number): string | undefined {
  if (number === errno.EINVAL && controller === 'cpu') {
    return 'a process with realtime scheduling lives outside of the root cgroup: the controller cpu cannot have it';
  }
  const delegated = 'the cgroup was not delegated to this user';
  return number === errno.EPERM || number === errno.EACCES ? delegated : undefined;
}

/**
 * Who is in the cgroup itself, as `812 (sshd), 813 (bash)`. The kernel refuses some controllers then, and with the others
 * makes a threaded cgroup of it, in which no container can be. Only the very root may have both.
 */
function inTheWay(binding: Binding, directory: string): string {
  const type = binding.readTextIfThere(`${directory}/cgroup.type`)?.trim();
  if (type === undefined || type === 'threaded') return '';
  const text = unlessMissing(() => binding.readText(`${directory}/cgroup.procs`)) ?? '';
  const pids = text.split('\n').filter(line => line !== '');
  const names = pids.slice(0, namedProcesses).map(pid => {
    // 0 stands for one that our pid namespace does not see.
    const name = pid === '0' ? undefined : binding.readTextIfThere(`/proc/${pid}/comm`)?.trim();
    return name === undefined ? pid : `${pid} (${name})`;
  });
  return [...names, ...(pids.length > namedProcesses ? ['...'] : [])].join(', ');
}

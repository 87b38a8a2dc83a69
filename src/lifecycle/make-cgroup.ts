// SPDX-License-Identifier: Apache-2.0
import { applyResources } from '../cgroup/apply.ts';
import { delegateCgroup } from '../cgroup/delegate.ts';
import { type CgroupPlace, makeCgroup } from '../cgroup/directory.ts';
import { killProcesses } from '../cgroup/processes.ts';
import { removeCgroup } from '../cgroup/remove.ts';
import { errno } from '../errors/errno.ts';
import { RuntimeError } from '../errors/error.ts';
import { isMachineRoot } from '../host/privilege.ts';
import type { HostStep, Plan } from '../plan/plan.ts';
import type { Runtime } from './runtime.ts';
import type { UndoList } from './undo.ts';

/**
 * Makes the container's cgroup, with its limits and its owner.
 *
 * @returns false where a runtime that is not root may make none, and the config asks for none: the container has none then
 * @throws RuntimeError as makeCgroup, applyResources, delegateCgroup
 */
export function makeOwnCgroup(
  runtime: Runtime,
  plan: Plan,
  place: CgroupPlace,
  origin: string,
  undo: UndoList,
): boolean {
  const { binding, log } = runtime;
  const writes = cgroupWrites(plan);
  undo.arm(`the cgroup ${place.path}`, () => removeCgroup(binding, place, 'spare'));
  try {
    makeCgroup(binding, place, origin);
  } catch (error) {
    if (!(error instanceof RuntimeError) || !isDenial(error) || isMachineRoot(binding)) throw error;
    if (origin !== '' || writes.some(({ optional }) => !optional)) {
      throw error.with({
        message: `rootless needs no limits + no cgrouppath when no permission is granted for cgroups: ${error.message}`,
        hint: 'leave linux.cgroupsPath and linux.resources out, or have the cgroup that you are in delegated to you',
      });
    }
    // No warning: nothing that was asked for is missing, and Podman takes the first line for the cause of a later failure.
    log.debug(`${error.message}: the container gets no cgroup of its own`);
    return false;
  }
  undo.arm(`the processes in ${place.path}`, () => killProcesses(binding, place.path));
  applyResources(binding, place, writes);
  giveCgroup(runtime, plan, place);
  return true;
}

/** Makes the container's user the owner of its cgroup, where the plan says so. */
export function giveCgroup({ binding, log }: Runtime, { host }: Plan, { path }: CgroupPlace): void {
  for (const step of host) {
    if (step.op !== 'delegateCgroup') continue;
    try {
      delegateCgroup(binding, path, step.uid, step.origin);
    } catch (error) {
      // A user cannot give away what is his.
      if (!(error instanceof RuntimeError) || !isDenial(error) || isMachineRoot(binding)) throw error;
      log.warn(error.message);
    }
  }
}

/** What is written into control files. */
export function cgroupWrites({ host }: Plan): Extract<HostStep, { op: 'writeCgroup' }>[] {
  return host.filter(step => step.op === 'writeCgroup');
}

function isDenial({ errno: number }: RuntimeError): boolean {
  const denials: readonly (number | undefined)[] = [errno.EACCES, errno.EPERM, errno.EROFS];
  return denials.includes(number);
}

// SPDX-License-Identifier: Apache-2.0
import { errno } from '../errors/errno.ts';
import { RuntimeError } from '../errors/error.ts';
import { isMachineRoot } from '../host/privilege.ts';
import type { ContainerRecord } from './record.ts';
import type { Runtime } from './runtime.ts';
import { stateDirectory } from './store.ts';
import { storedResources } from './stored-resources.ts';

/**
 * For a user who may not move processes from where we are to the container's cgroup: the kernel asks for rights to the
 * cgroup that both have in common. As with runc the process then stays in ours, but said, and not past the container's limits.
 *
 * @param error - of the attempt in the container's cgroup; thrown when it was for another reason
 * @returns when the process may be born in our own cgroup
 */
export function allowOutside(runtime: Runtime, { id, cgroup }: ContainerRecord, error: unknown): void {
  const { binding, log } = runtime;
  const refused = error instanceof RuntimeError && error.syscall === 'clone3' && error.errno === errno.EACCES;
  if (!refused || cgroup === undefined || isMachineRoot(binding)) throw error;
  const { devices: _, ...limits } = storedResources(runtime, stateDirectory(runtime, id));
  if (Object.keys(limits).length > 0) {
    throw error.with({
      message: `unable to start container process: unable to join the cgroup ${cgroup.path}: permission denied`,
      path: cgroup.path,
    });
  }
  log.warn(
    `unable to join the cgroup ${cgroup.path}: permission denied: the process stays in that of its caller`,
  );
}

// SPDX-License-Identifier: Apache-2.0
import { errno } from '../errors/errno.ts';
import { RuntimeError } from '../errors/error.ts';
import { onHost } from '../errors/system.ts';
import { isBelow, joinPath } from '../host/paths.ts';
import { isMachineRoot } from '../host/privilege.ts';
import { ownCgroup } from '../host/read-facts.ts';
import type { ContainerRecord, InitRecord } from './record.ts';
import type { Runtime } from './runtime.ts';
import { stateDirectory } from './store.ts';
import { storedResources } from './stored-resources.ts';

/**
 * Calls `work` with the container's cgroup, or with the requested one below it. If the init has moved itself and
 * enabled controllers for child cgroups, clone3(2) into the container's own cgroup fails with EBUSY. Then, and if that
 * cgroup was removed, the init's current cgroup is used.
 *
 * @param mountpoint - where cgroup2 is mounted
 * @param requested - the requested cgroup below the container's, as the caller wrote it
 */
export function inCgroup<T>(
  runtime: Runtime,
  record: ContainerRecord,
  init: InitRecord,
  mountpoint: string,
  requested: string | undefined,
  work: (cgroup: string | undefined) => T,
): T {
  const { binding } = runtime;
  const own = record.cgroup?.path;
  if (requested !== undefined) return work(subCgroup(own, requested));
  if (own === undefined) return work(undefined);
  try {
    if (binding.stat(own) !== undefined) return work(own);
  } catch (error) {
    const occupied =
      error instanceof RuntimeError && error.syscall === 'clone3' && error.errno === errno.EBUSY;
    if (!occupied) {
      allowOutside(runtime, record, error);
      return work(undefined);
    }
  }
  const at = `/proc/${init.pid}/cgroup`;
  const current = ownCgroup(onHost(`unable to read ${at}`, () => binding.readText(at)));
  return work(joinPath(mountpoint, current.slice(1)));
}

function subCgroup(own: string | undefined, requested: string): string {
  const refuse = (why: string): RuntimeError =>
    new RuntimeError({
      code: 'usage.cgroup',
      message: `bad sub cgroup path: ${requested}: ${why}`,
      value: requested,
      hint: "name an existing cgroup below the container's, for example workers",
    });
  if (own === undefined) throw refuse('the container has no cgroup of its own');
  if (requested.includes(':')) throw refuse('only cgroup version 1 has controllers in the path');
  const path = joinPath(own, requested.replace(/^\/+/, ''));
  if (path !== own && !isBelow(path, own)) throw refuse("it is not below the container's");
  return path;
}

/**
 * Handles a user who may not move processes from the caller's cgroup to the container's: the kernel requires write
 * access to their common ancestor. The process then stays in the caller's cgroup, like with runc, but with a warning,
 * and only if the container has no limits.
 *
 * @param error - of the attempt in the container's cgroup; rethrown if it has another cause
 * @returns only if the process may be cloned in the caller's cgroup
 */
function allowOutside(runtime: Runtime, { id, cgroup }: ContainerRecord, error: unknown): void {
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
    `unable to join the cgroup ${cgroup.path}: permission denied: the process stays in the cgroup of its caller`,
  );
}

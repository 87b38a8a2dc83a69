// SPDX-License-Identifier: Apache-2.0
import { RuntimeError } from '../errors/error.ts';
import type { Binding } from '../host/binding.d.ts';
import type { ContainerRecord } from './record.ts';

/**
 * Directory of the container's own cgroup.
 *
 * @throws RuntimeError `state.no-cgroup`
 */
export function cgroupOf({ id, cgroup }: Pick<ContainerRecord, 'id' | 'cgroup'>): string {
  if (cgroup !== undefined) return cgroup.path;
  throw new RuntimeError({
    code: 'state.no-cgroup',
    message: `container ${id} has no cgroup of its own`,
    hint: 'it was created without cgroup version 2, or by a user without a delegated cgroup: its processes cannot be distinguished from others',
  });
}

/**
 * Checks that the cgroup of a running container exists: its processes may have been moved, and the cgroup removed.
 *
 * @param attempt - start of the message: `unable to pause container web`
 * @throws RuntimeError `state.cgroup-gone`
 */
export function requireCgroup(
  binding: Binding,
  { init }: Pick<ContainerRecord, 'init'>,
  cgroup: string,
  attempt: string,
): void {
  if (binding.stat(cgroup) !== undefined) return;
  throw new RuntimeError({
    code: 'state.cgroup-gone',
    message: `${attempt}: its cgroup ${cgroup} was removed`,
    path: cgroup,
    hint: `/proc/${init?.pid ?? 'PID'}/cgroup names the cgroup that its processes were moved to`,
  });
}

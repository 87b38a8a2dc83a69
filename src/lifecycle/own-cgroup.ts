// SPDX-License-Identifier: Apache-2.0
import { RuntimeError } from '../errors/error.ts';
import type { ContainerRecord } from './record.ts';

/**
 * The directory of the container's own cgroup.
 *
 * @throws RuntimeError `state.no-cgroup`
 */
export function cgroupOf({ id, cgroup }: ContainerRecord): string {
  if (cgroup !== undefined) return cgroup.path;
  throw new RuntimeError({
    code: 'state.no-cgroup',
    message: `container ${id} has no cgroup of its own`,
    hint: 'it was created without cgroup version 2, or by a user without a delegated cgroup: its processes cannot be told from others',
  });
}

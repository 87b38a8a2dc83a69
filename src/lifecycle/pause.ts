// SPDX-License-Identifier: Apache-2.0
import { freeze, thaw } from '../cgroup/freezer.ts';
import { RuntimeError } from '../errors/error.ts';
import { onHost } from '../errors/system.ts';
import { cgroupOf, requireCgroup } from './own-cgroup.ts';
import type { Runtime } from './runtime.ts';
import { requireStatus, statusOf } from './status.ts';
import { readRecord } from './store.ts';

/** Milliseconds for all processes of a container to freeze. */
const freezeTimeoutMs = 10_000;

/**
 * Freezes every process of a created or running container, and returns when all are frozen. SIGKILL still ends them;
 * other signals stay pending until the container is resumed.
 *
 * @throws RuntimeError `state.not-found`, `state.not-running`, `state.no-cgroup`, `state.cgroup-gone`,
 *   `state.not-frozen` (after 10 seconds; all processes run again), `host.syscall`
 */
export function pauseContainer(runtime: Runtime, id: string): void {
  const { binding } = runtime;
  const record = readRecord(runtime, id);
  requireStatus('pause', id, statusOf(runtime, record, { held: false }));
  const cgroup = cgroupOf(record);
  requireCgroup(binding, record, cgroup, `unable to pause container ${id}`);
  const frozen = onHost(`unable to freeze ${cgroup}`, () => freeze(binding, cgroup, freezeTimeoutMs));
  if (frozen) return;
  throw new RuntimeError({
    code: 'state.not-frozen',
    message: `unable to freeze ${cgroup}: some of its processes did not stop within ${freezeTimeoutMs / 1000} s`,
    path: cgroup,
    hint: 'a process in uninterruptible sleep (state D) stops only after its I/O is complete; the container runs again',
  });
}

/**
 * Resumes a paused container.
 *
 * @throws RuntimeError `state.not-found`, `state.not-paused`, `host.syscall`
 */
export function resumeContainer(runtime: Runtime, id: string): void {
  const record = readRecord(runtime, id);
  requireStatus('resume', id, statusOf(runtime, record, { held: false }));
  const cgroup = cgroupOf(record);
  onHost(`unable to thaw ${cgroup}`, () => thaw(runtime.binding, cgroup));
}

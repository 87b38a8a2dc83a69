// SPDX-License-Identifier: Apache-2.0
import { signalAll } from '../cgroup/processes.ts';
import { onHost } from '../errors/system.ts';
import { killAndWait, withInit } from './init.ts';
import type { ContainerRecord } from './record.ts';
import type { Runtime } from './runtime.ts';
import { requireStatus } from './status.ts';
import { readRecord } from './store.ts';

const SIGKILL = 9;

/**
 * Sends a signal to the container's init process; a container that is being started or deleted is no obstacle.
 * SIGKILL to a container without a pid namespace of its own goes to every process of its cgroup: the end of its init
 * ends only that.
 *
 * @param signal - 0 only probes
 * @throws RuntimeError `state.not-found`, `state.not-running`, `host.syscall`
 * @see runtime.md#kill
 */
export function killContainer(runtime: Runtime, id: string, signal: number): void {
  const { binding } = runtime;
  const record = readRecord(runtime, id);
  if (signal === SIGKILL && record.sharedPidNamespace && record.cgroup !== undefined) {
    const { path } = record.cgroup;
    // Also when the init has ended: engines end what it left behind this way.
    if (onHost(`unable to kill all processes: ${path}`, () => signalAll(binding, path))) return;
    runtime.log.warn(`the cgroup ${path} of container ${id} was removed: no process but its init is killed`);
  }
  const reached =
    record.init !== undefined &&
    withInit(binding, record.init, pidfd =>
      onHost(`unable to signal container ${id}`, () => binding.pidfdSignal(pidfd, signal)),
    );
  if (reached !== true) requireStatus('kill', id, 'stopped');
}

/** Ends the container's init, and without a pid namespace of its own all else in its cgroup. Waits for the init. */
export function stopContainer(
  { binding }: Runtime,
  { id, init, cgroup, sharedPidNamespace }: ContainerRecord,
): void {
  if (init === undefined) return;
  onHost(`unable to kill container ${id}`, () => {
    withInit(binding, init, pidfd => killAndWait(binding, pidfd));
    if (sharedPidNamespace && cgroup !== undefined) signalAll(binding, cgroup.path);
  });
}

// SPDX-License-Identifier: Apache-2.0

import { signalAll } from '../cgroup/processes.ts';
import { onHost } from '../errors/system.ts';
import { SIG } from '../kernel/signals.ts';
import { killAndWait, withInit } from './init-process.ts';
import type { ContainerRecord } from './record.ts';
import type { Runtime } from './runtime.ts';
import { requireStatus } from './status.ts';
import { readRecord } from './store.ts';

/**
 * Sends a signal to the container's init; a concurrent `start` or `delete` does not block it. SIGKILL to a container
 * without its own pid namespace goes to every process of its cgroup, because the exit of the init does not end the
 * others.
 *
 * @param signal - 0 only probes
 * @throws RuntimeError `state.not-found`, `state.not-running`, `host.syscall`
 * @see runtime.md#kill
 */
export function killContainer(runtime: Runtime, id: string, signal: number): void {
  const { binding } = runtime;
  const record = readRecord(runtime, id);
  if (signal === SIG.SIGKILL && record.sharedPidNamespace && record.cgroup !== undefined) {
    const { path } = record.cgroup;
    // Also after the init has exited: engines kill the remaining processes this way.
    if (onHost(`unable to kill all processes: ${path}`, () => signalAll(binding, path))) return;
    runtime.log.warn(`the cgroup ${path} of container ${id} was removed: only its init is killed`);
  }
  const reached =
    record.init !== undefined &&
    withInit(binding, record.init, pidfd =>
      onHost(`unable to signal container ${id}`, () => binding.pidfdSignal(pidfd, signal)),
    );
  if (reached !== true) requireStatus('kill', id, 'stopped');
}

/** Kills the container's init and waits for it. Without its own pid namespace, kills everything else in its cgroup too. */
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

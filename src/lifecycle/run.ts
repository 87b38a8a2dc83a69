// SPDX-License-Identifier: Apache-2.0
import { type CreateOptions, createContainer } from './create.ts';
import { deleteContainer } from './delete.ts';
import { relayReadiness } from './notify.ts';
import type { ContainerRecord } from './record.ts';
import type { Runtime } from './runtime.ts';
import { afterExec } from './start.ts';
import { waitInForeground } from './terminals.ts';

export interface RunOptions extends CreateOptions {
  /** Returns when the program runs, instead of waiting for its exit. Default false. */
  readonly detach?: boolean;
  /** Keeps the stopped container for `state` and `delete`. Default false. Ignored with `detach`. */
  readonly keep?: boolean;
  /** The runtime does not become a subreaper: orphans of the container go to the next reaper above. Default false. */
  readonly noSubreaper?: boolean;
}

/**
 * Creates and starts a container. Unless detached, passes signals on, waits for the exit, and deletes the container.
 *
 * @returns the exit status: 0 if detached, otherwise the program's, or 128 plus the number of the signal that ended it
 * @throws RuntimeError as createContainer; nothing of the container is left then
 */
export function runContainer(runtime: Runtime, options: RunOptions): number {
  const { binding } = runtime;
  const foreground = options.detach !== true;
  // Catch signals before the clone: a signal must not end the runtime and leave the init behind.
  if (foreground) binding.catchSignals(options.noSubreaper !== true);
  // No other command runs between create and start: the init waits for this process only, and needs no FIFO.
  const { record, init, pidfd, terminals, readiness } = createContainer(runtime, {
    ...options,
    startNow: true,
    foreground,
  });
  let status = 0;
  try {
    runPoststartOrDelete(runtime, record);
    if (foreground) status = waitInForeground(binding, init.pid, pidfd, terminals, readiness);
    else if (readiness !== undefined) relayReadiness(runtime, init, readiness);
  } finally {
    binding.close(pidfd);
    terminals?.close();
    if (readiness !== undefined) binding.close(readiness.socket);
  }
  if (foreground && options.keep !== true) deleteContainer(runtime, options.id, { force: true, ended: init });
  return status;
}

/** Deletes the container if a poststart hook fails, because `run` reports a failure and leaves nothing. */
function runPoststartOrDelete(runtime: Runtime, record: ContainerRecord): void {
  try {
    afterExec(runtime, record);
  } catch (error) {
    deleteContainer(runtime, record.id, { force: true });
    throw error;
  }
}

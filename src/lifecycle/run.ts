// SPDX-License-Identifier: Apache-2.0
import { type CreateOptions, createContainer } from './create.ts';
import { deleteContainer } from './delete.ts';
import type { ContainerRecord } from './record.ts';
import type { Runtime } from './runtime.ts';
import { afterExec } from './start.ts';
import { attend } from './terminals.ts';

export interface RunOptions extends CreateOptions {
  /** Returns when the program runs, instead of waiting for its end. Default false. */
  readonly detach?: boolean;
  /** Leaves the stopped container there, for `state` and `delete`. Default false. Ignored with `detach`. */
  readonly keep?: boolean;
  /** Leaves orphans of the container to the next reaper above. Default false. */
  readonly noSubreaper?: boolean;
}

/**
 * Create, start, and unless detached: pass signals on, wait for the end, delete.
 *
 * @returns the exit status: 0 when detached, else the program's, or 128 and the number of the signal that ended it
 * @throws RuntimeError as createContainer; nothing is left then
 */
export function runContainer(runtime: Runtime, options: RunOptions): number {
  const { binding } = runtime;
  const foreground = options.detach !== true;
  // Before the init is born: a signal that comes in between must not end us and leave it.
  if (foreground) binding.catchSignals(options.noSubreaper !== true);
  // Nobody can come between create and start here: the init waits for us alone, and needs no FIFO.
  const { record, init, pidfd, terminals } = createContainer(runtime, {
    ...options,
    startNow: true,
    foreground,
  });
  let status = 0;
  try {
    startedOrGone(runtime, record);
    if (foreground) status = attend(binding, init.pid, pidfd, terminals);
  } finally {
    binding.close(pidfd);
    terminals?.close();
  }
  if (foreground && options.keep !== true) deleteContainer(runtime, options.id, { force: true, ended: init });
  return status;
}

/** What a poststart hook that fails leaves is deleted: nobody knows of the container yet. */
function startedOrGone(runtime: Runtime, record: ContainerRecord): void {
  try {
    afterExec(runtime, record);
  } catch (error) {
    deleteContainer(runtime, record.id, { force: true });
    throw error;
  }
}

// SPDX-License-Identifier: Apache-2.0
import type { WaitStatus } from '../host/binding.d.ts';
import { type CreateOptions, createContainer } from './create.ts';
import { deleteContainer } from './delete.ts';
import type { Runtime } from './runtime.ts';

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
  const { init, pidfd } = createContainer(runtime, { ...options, startNow: true });
  let status: WaitStatus = { code: 0 };
  try {
    if (foreground) status = binding.waitForeground(init.pid, pidfd);
  } finally {
    binding.close(pidfd);
  }
  if (foreground && options.keep !== true) deleteContainer(runtime, options.id, { force: true });
  return status.signal === undefined ? (status.code ?? 0) : 128 + status.signal;
}

// SPDX-License-Identifier: Apache-2.0
import type { RuntimeError } from '../errors/error.ts';
import { toRuntimeError } from '../errors/system.ts';
import type { WaitStatus } from '../host/binding.d.ts';
import { type Created, type CreateOptions, createContainer } from './create.ts';
import { deleteContainer } from './delete.ts';
import type { Runtime } from './runtime.ts';
import { startContainer } from './start.ts';

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
 * @throws RuntimeError as createContainer and startContainer; nothing is left then
 */
export function runContainer(runtime: Runtime, options: RunOptions): number {
  const { binding } = runtime;
  const foreground = options.detach !== true;
  // Before the init is born: a signal that comes in between must not end us and leave it.
  if (foreground) binding.catchSignals(options.noSubreaper !== true);
  const created = createContainer(runtime, options);
  let status: WaitStatus = { code: 0 };
  try {
    startContainer(runtime, options.id);
    if (foreground) status = binding.waitForeground(created.init.pid, created.pidfd);
  } catch (error) {
    throw abandon(runtime, created, toRuntimeError(error));
  } finally {
    binding.close(created.pidfd);
  }
  if (foreground && options.keep !== true) deleteContainer(runtime, options.id, { force: true });
  return status.signal === undefined ? (status.code ?? 0) : 128 + status.signal;
}

/** A container that did not start is nobody's: it goes, whatever `keep` says. */
function abandon(runtime: Runtime, { record }: Created, failure: RuntimeError): RuntimeError {
  try {
    deleteContainer(runtime, record.id, { force: true });
    return failure;
  } catch (error) {
    return failure.with({
      cleanup: [...(failure.cleanup ?? []), `container ${record.id}: ${toRuntimeError(error).message}`],
    });
  }
}

// SPDX-License-Identifier: Apache-2.0
import type { SystemError } from '../host/binding.d.ts';
import { errno, errnoName, errnoText } from './errno.ts';
import { type ErrorFields, RuntimeError } from './error.ts';

/** The binding's limit for a file that is read as text. */
const largestText = 16 << 20;

/** Returns true for the error of a failed system call, as thrown by a binding. */
export function isSystemError(error: unknown): error is SystemError {
  return error instanceof Error && error.name !== 'RuntimeError' && 'syscall' in error && 'errno' in error;
}

/** EINTR reaches callers only if a signal must end the command (`catchSignals` of the binding). */
const interruptedHint = 'a signal ended the command before the program ran; its changes were undone';

/**
 * Converts a failed system call of the runtime to a `host.syscall` error.
 *
 * @param attempt - the attempted action and its object: `unable to make the cgroup /a/b`
 */
export function hostFailure(
  error: Pick<SystemError, 'syscall' | 'errno' | 'path'>,
  attempt: string,
  more: Partial<ErrorFields> = {},
): RuntimeError {
  const tooLarge = error.errno === errno.EFBIG && error.syscall === 'read';
  return new RuntimeError(
    {
      code: 'host.syscall',
      message: `${attempt}: ${errnoText(error.errno)}`,
      stage: 'host',
      syscall: error.syscall,
      errno: error.errno,
      errnoName: errnoName(error.errno),
      path: error.path,
      ...(tooLarge && { hint: `at most ${largestText} bytes (16 MiB) of a file are read` }),
      ...more,
      ...(error.errno === errno.EINTR && { pointer: undefined, hint: interruptedHint }),
    },
    { cause: error },
  );
}

/** Calls `work`; a failed system call becomes a `host.syscall` error with the text of `attempt`. */
export function onHost<T>(attempt: string, work: () => T, more: Partial<ErrorFields> = {}): T {
  try {
    return work();
  } catch (error) {
    throw isSystemError(error) ? hostFailure(error, attempt, more) : error;
  }
}

/** Calls `work` and returns the error of a failed system call; undefined on success. */
export function refusalOf(work: () => void): SystemError | undefined {
  try {
    work();
    return undefined;
  } catch (error) {
    if (isSystemError(error)) return error;
    throw error;
  }
}

/** Converts any thrown value to a RuntimeError. */
export function toRuntimeError(error: unknown): RuntimeError {
  if (error instanceof RuntimeError) return error;
  if (isSystemError(error)) {
    return hostFailure(error, error.path === undefined ? error.syscall : `${error.syscall} ${error.path}`);
  }
  const message = error instanceof Error ? error.message : String(error);
  // The engine of the standalone host throws null if there is no memory for an error object.
  if (error === null || message === 'out of memory') {
    return new RuntimeError({
      code: 'host.memory',
      message: 'out of memory',
      hint: 'the limit of the address space (ulimit -v) or of the cgroup of the caller is too low',
    });
  }
  return new RuntimeError({ code: 'internal', message: `internal error: ${message}` }, { cause: error });
}

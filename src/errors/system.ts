// SPDX-License-Identifier: Apache-2.0
import type { SystemError } from '../host/binding.d.ts';
import { errno, errnoName, errnoText } from './errno.ts';
import { type ErrorFields, RuntimeError } from './error.ts';

/** The binding's limit for a file that is read as text. */
const largestText = 16 << 20;

/** True for what a binding throws when the kernel refused. */
export function isSystemError(error: unknown): error is SystemError {
  return error instanceof Error && error.name !== 'RuntimeError' && 'syscall' in error && 'errno' in error;
}

/** EINTR reaches nobody but where a signal is to end the command (`catchSignals` of the binding). */
const interruptedHint = 'a signal ended the command before its program ran; what it had made is taken back';

/**
 * A refused system call of the runtime itself as `host.syscall`.
 *
 * @param attempt - what was tried and on what: `unable to make the cgroup /a/b`
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

/** Does `work`; a refused system call becomes `host.syscall` with the words of `attempt`. */
export function onHost<T>(attempt: string, work: () => T, more: Partial<ErrorFields> = {}): T {
  try {
    return work();
  } catch (error) {
    throw isSystemError(error) ? hostFailure(error, attempt, more) : error;
  }
}

/** Does `work` and returns how it was refused, undefined when it was not. */
export function refusalOf(work: () => void): SystemError | undefined {
  try {
    work();
    return undefined;
  } catch (error) {
    if (isSystemError(error)) return error;
    throw error;
  }
}

/** Anything that was thrown, as an error of the family. */
export function toRuntimeError(error: unknown): RuntimeError {
  if (error instanceof RuntimeError) return error;
  if (isSystemError(error)) {
    return hostFailure(error, error.path === undefined ? error.syscall : `${error.syscall} ${error.path}`);
  }
  // The standalone host's engine throws null when it has no memory left for an error.
  if (error === null) return new RuntimeError({ code: 'internal', message: 'out of memory' });
  const message = error instanceof Error ? error.message : String(error);
  return new RuntimeError({ code: 'internal', message: `internal error: ${message}` }, { cause: error });
}

// SPDX-License-Identifier: Apache-2.0
import { errno, errnoName, errnoText } from '../errors/errno.ts';
import type { ErrorFields } from '../errors/error.ts';
import type { Report } from '../host/binding.d.ts';
import type { Step } from '../wire/steps.ts';

/** The outcome of a failed hook. */
export type HookFailure =
  | { readonly how: 'exit' | 'signal'; readonly status: number; readonly wrote: string }
  | { readonly how: 'timeout'; readonly seconds: number; readonly wrote: string }
  | { readonly how: 'refused'; readonly syscall: string; readonly errno: number };

/**
 * Explains a failed hook in runc's words, which users search for: kind and index, how it ended, its output.
 *
 * @param origin - pointer to the hook's path
 */
export function explainHook(origin: string, path: string, failure: HookFailure): ErrorFields {
  const [, , kind = '', index = ''] = origin.split('/');
  const words = `error running ${kind} hook #${index}: `;
  const fields = { pointer: origin, path, spec: 'config.md#posix-platform-hooks' };
  switch (failure.how) {
    case 'refused': {
      const exec = failure.syscall === 'execve';
      return {
        ...fields,
        code: exec ? 'hook.not-executable' : 'hook.syscall',
        message: `${words}${exec ? `fork/exec ${path}` : failure.syscall}: ${errnoText(failure.errno)}`,
        syscall: failure.syscall,
        errno: failure.errno,
        errnoName: errnoName(failure.errno),
        hint: execHint(kind, failure.errno),
      };
    }
    case 'timeout':
      return {
        ...fields,
        code: 'hook.timeout',
        pointer: origin.replace(/path$/, 'timeout'),
        message: `${words}hook ran past specified timeout of ${failure.seconds}.0s, ${failure.wrote}`,
        value: String(failure.seconds),
        hint: 'the hook was killed; timeout is in seconds',
      };
    default: {
      const status =
        failure.how === 'exit' ? `exit status ${failure.status}` : `signal: ${signalText(failure.status)}`;
      return {
        ...fields,
        code: 'hook.failed',
        message: `${words}${status}, ${failure.wrote}`,
        value: status,
      };
    }
  }
}

function execHint(kind: string, number: number): string | undefined {
  if (number === errno.ENOENT) {
    return kind === 'startContainer'
      ? 'the path is looked up in the container; if the file exists, its interpreter is missing'
      : 'the path is looked up on the host; if the file exists, its interpreter is missing';
  }
  if (number === errno.EACCES) return 'it must be a file with an execute bit, on a mount without noexec';
  if (number === errno.ENOEXEC)
    return 'it is not a program for this machine, or a script without #! in its first line';
  return undefined;
}

/** Explains the failure of a hook that the init ran. */
export function explainHookStep(step: Extract<Step, { op: 'runHook' }>, report: Report): ErrorFields {
  const { syscall: how, errno: number, detail: wrote } = report;
  switch (how) {
    case 'exit':
    case 'signal':
      return explainHook(step.origin, step.path, { how, status: number, wrote });
    case 'timeout':
      return explainHook(step.origin, step.path, { how, seconds: number, wrote });
    default:
      return explainHook(step.origin, step.path, { how: 'refused', syscall: how, errno: number });
  }
}

/** runc's texts for the signals that end a program. */
const signalTexts: Readonly<Record<number, string>> = {
  1: 'hangup',
  2: 'interrupt',
  3: 'quit',
  4: 'illegal instruction',
  5: 'trace/breakpoint trap',
  6: 'aborted',
  7: 'bus error',
  8: 'floating point exception',
  9: 'killed',
  11: 'segmentation fault',
  13: 'broken pipe',
  14: 'alarm clock',
  15: 'terminated',
  31: 'bad system call',
};

function signalText(signal: number): string {
  return signalTexts[signal] ?? String(signal);
}

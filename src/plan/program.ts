// SPDX-License-Identifier: Apache-2.0
import { errno, errnoText } from '../errors/errno.ts';
import type { Report } from '../host/binding.d.ts';
import type { Step } from '../wire/steps.ts';
import type { Explanation, Facility } from './facility.ts';

const notFound = 'container.program-not-found';
const notExecutable = 'container.program-not-executable';

/**
 * Docker and Podman derive the exit status from the message: 127 for a missing program ("no such file or directory",
 * "executable file not found"), 126 for one that cannot be invoked ("permission denied"), otherwise 125 for a fault of
 * the engine. Each cause therefore has the text of its own status only.
 */
function cause(error: number): string {
  const text = errnoText(error);
  switch (error) {
    case errno.ENOENT:
    case errno.EACCES:
      return text;
    case errno.ENOTDIR:
      // Docker attributes "not a directory" to a mount that does not fit.
      return `${errnoText(errno.ENOENT)}: a name in the middle of the path is a file`;
    default:
      return `${text} (it cannot be invoked, as with "${errnoText(errno.EACCES)}")`;
  }
}

/** Explains a failed search for the program during create. */
function explainFindProgram(step: Extract<Step, { op: 'findProgram' }>, report: Report): Explanation {
  const { name } = step;
  const exec = `exec: ${JSON.stringify(name)}`;
  if (!name.includes('/')) {
    return {
      code: notFound,
      message: `${exec}: executable file not found in $PATH`,
      value: step.search.join(':'),
      hint:
        step.search.length === 0
          ? 'process.env has no PATH: add one, or write the path of the program in process.args'
          : `${JSON.stringify(name)} is in none of the directories of PATH (process.env) in the container`,
    };
  }
  const missing = report.errno === errno.ENOENT || report.errno === errno.ENOTDIR;
  const text = cause(report.errno);
  return {
    code: missing ? notFound : notExecutable,
    // Go names the call only if stat failed; permission and directory are separate checks.
    message:
      report.errno === errno.EACCES || report.errno === errno.EISDIR || report.errno === errno.EPERM
        ? `${exec}: ${text}`
        : `${exec}: stat ${name}: ${text}`,
    hint: missing
      ? 'the path is looked up in the root file system of the container'
      : 'it must be a regular file with an execute bit that the user of the container may use',
  };
}

/** Explains a failed execve(2) after `start`. The program existed and was executable at create. */
function explainExecute(step: Extract<Step, { op: 'execute' }>, report: Report): Explanation {
  const program = report.detail === '' ? (step.args[0] ?? '') : report.detail;
  return {
    code: report.errno === errno.ENOENT || report.errno === errno.ENOTDIR ? notFound : notExecutable,
    message: `exec ${program}: ${cause(report.errno)}`,
    hint: executeHints()[report.errno],
  };
}

const executeHints = (): Readonly<Record<number, string>> => ({
  [errno.ENOENT]:
    'the program itself was found: its interpreter is missing (the loader of a dynamic program, or the one after #! in a script)',
  [errno.ENOEXEC]:
    'it is not a program for this machine: another architecture, an empty file, or a script without #! in its first line',
  [errno.EACCES]: 'its file system may be mounted noexec, or its interpreter is not executable',
  [errno.EPERM]: 'a security module or a mount option forbids its exec with these capabilities',
  [errno.E2BIG]: 'process.args and process.env together are too long, or one of them is longer than 128 KiB',
  [errno.EAGAIN]: 'the user has more processes than RLIMIT_NPROC allows',
  [errno.ENOMEM]: 'the memory limit is too low for this program',
  [errno.ETXTBSY]: 'the file is open for writing',
  [errno.ELOOP]: 'too many nested interpreters, or too many symbolic links',
});

const steps = {
  /**
   * Searches the program: a name with a slash is a path, another is searched in the directories `search`. It must be
   * an executable file. `execute` runs it.
   */
  findProgram: { name: 'text', search: 'texts' },
  /** execve(2) of the program that was found. Only the descriptors 0 to 2 and the preserved ones stay open. */
  execute: { args: 'texts', env: 'texts' },
} as const;

/** The container's program. */
export const programFacility: Facility<typeof steps> = {
  steps,
  explain: {
    findProgram: (step, { report }) => explainFindProgram(step, report),
    execute: (step, { report }) => explainExecute(step, report),
  },
};

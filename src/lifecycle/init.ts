// SPDX-License-Identifier: Apache-2.0
import type { Binding } from '../host/binding.d.ts';
import type { InitRecord } from './record.ts';

/** Which process a pid names now, and whether it still runs. */
interface ProcessIdentity {
  readonly startTime: number;
  /** False for a zombie: it has ended and only waits to be collected. */
  readonly alive: boolean;
}

/** Among those that stand behind the program's name. */
const startTimeField = 19;

/** undefined when no process has this pid. */
export function identify(binding: Binding, pid: number): ProcessIdentity | undefined {
  const text = binding.readTextIfThere(`/proc/${pid}/stat`);
  if (text === undefined) return undefined;
  // The second field is the program's name, which may hold spaces and parentheses: count from its end.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ', startTimeField + 1);
  const state = fields[0] ?? '';
  return { startTime: Number(fields[startTimeField]), alive: state !== 'Z' && state !== 'X' };
}

/** True while the very process that was recorded runs, not another that got its number. */
export function initRuns(binding: Binding, init: InitRecord): boolean {
  const found = identify(binding, init.pid);
  return found?.alive === true && found.startTime === init.startTime;
}

/**
 * Does `work` with a pidfd of the recorded init, or returns undefined when it does not run any more.
 * First the pidfd, then the look at the start time: whatever happens to the number after that, the pidfd can only
 * mean the process that was looked at, or none.
 */
export function withInit<T>(binding: Binding, init: InitRecord, work: (pidfd: number) => T): T | undefined {
  const pidfd = binding.pidfdOpen(init.pid);
  if (pidfd === undefined) return undefined;
  try {
    return initRuns(binding, init) ? work(pidfd) : undefined;
  } finally {
    binding.close(pidfd);
  }
}

/** Milliseconds that a process may take to end after SIGKILL. */
const killTimeoutMs = 10_000;
const SIGKILL = 9;

/** SIGKILL, then waits. False when the process did not end in time. */
export function killAndWait(binding: Binding, pidfd: number): boolean {
  binding.pidfdSignal(pidfd, SIGKILL);
  return binding.pidfdWait(pidfd, killTimeoutMs);
}

/**
 * Collects an init that has ended, where it is our own child: in a program that uses the library, and in `run`.
 * Looks twice, so that no other child that got the number is collected.
 */
export function collect(binding: Binding, init: InitRecord): void {
  const found = identify(binding, init.pid);
  if (found?.alive === false && found.startTime === init.startTime) binding.reap(init.pid);
}

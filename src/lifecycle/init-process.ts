// SPDX-License-Identifier: Apache-2.0

import { RuntimeError } from '../errors/error.ts';
import { onHost } from '../errors/system.ts';
import type { Binding } from '../host/binding.d.ts';
import { SIG } from '../kernel/signals.ts';
import type { InitRecord } from './record.ts';

/** The process that has a pid now, and whether it still runs. */
interface ProcessIdentity {
  readonly startTime: number;
  /** False for a zombie: it has exited and waits to be reaped. */
  readonly alive: boolean;
}

/** Index of the start time among the fields after the program's name. */
const startTimeField = 19;

/** Returns undefined if no process has this pid. */
export function identify(binding: Binding, pid: number): ProcessIdentity | undefined {
  const text = binding.readTextIfThere(`/proc/${pid}/stat`);
  if (text === undefined) return undefined;
  // The second field is the program's name, which may contain spaces and parentheses: count from its end.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ', startTimeField + 1);
  const state = fields[0] ?? '';
  return { startTime: Number(fields[startTimeField]), alive: state !== 'Z' && state !== 'X' };
}

/** Returns true while the recorded process runs; false for another process with its pid. */
export function initRuns(binding: Binding, init: InitRecord): boolean {
  const found = identify(binding, init.pid);
  return found?.alive === true && found.startTime === init.startTime;
}

/**
 * Calls `work` with a pidfd of the recorded init; returns undefined if the init does not run any more. The pidfd is
 * opened before the start time is compared: if the pid is reused afterwards, the pidfd still refers to the compared
 * process.
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

/** Milliseconds that a process may take to exit after SIGKILL. */
const killTimeoutMs = 10_000;

/** Sends SIGKILL and waits. Returns false if the process did not exit in time. */
export function killAndWait(binding: Binding, pidfd: number): boolean {
  binding.pidfdSignal(pidfd, SIG.SIGKILL);
  return binding.pidfdWait(pidfd, killTimeoutMs);
}

/**
 * Reaps an init that has exited, if it is a child of this process. The library and a foreground `run` reap it themselves.
 * Compares the start time first, because another child may have got the pid.
 */
export function collect(binding: Binding, init: InitRecord): void {
  const found = identify(binding, init.pid);
  if (found?.alive === false && found.startTime === init.startTime) binding.reap(init.pid);
}

/**
 * Kills a recorded init if it still runs, waits for its exit, and reaps it.
 *
 * @throws RuntimeError `state.running` if the init does not exit in time; `host.syscall`
 */
export function endInit(binding: Binding, id: string, init: InitRecord): void {
  const ended = withInit(binding, init, pidfd =>
    onHost(`unable to kill container ${id}`, () => killAndWait(binding, pidfd)),
  );
  if (ended === false) {
    throw new RuntimeError({
      code: 'state.running',
      message: 'container init still running',
      value: String(init.pid),
      hint: `it has not exited after SIGKILL: see State in /proc/${init.pid}/status`,
    });
  }
  collect(binding, init);
}

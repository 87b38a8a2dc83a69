// SPDX-License-Identifier: Apache-2.0
import { RuntimeError } from '../errors/error.ts';
import { SIG } from '../kernel/signals.ts';
import { deleteContainer } from '../lifecycle/delete.ts';
import { withInit } from '../lifecycle/init-process.ts';
import { killContainer } from '../lifecycle/kill.ts';
import { resumeContainer } from '../lifecycle/pause.ts';
import type { Runtime } from '../lifecycle/runtime.ts';
import type { DirectContainer } from './container.ts';
import { waitExit } from './exit-status.ts';
import { shortId } from './names.ts';
import { isUp, stateOf } from './status.ts';
import { containerPath, type DirectStore, isStopped, markStopped } from './store.ts';

/** Time limit for the end of the container after SIGKILL. */
const killTimeoutMs = 10_000;

/**
 * Sends the stop signal, waits, and then sends SIGKILL. Does nothing for a container that does not run.
 *
 * @param seconds - for the program to end; -1 waits without a limit
 * @throws RuntimeError `direct.not-stopped`
 */
export function stopDirect(
  runtime: Runtime,
  store: DirectStore,
  container: DirectContainer,
  seconds: number = container.stopTimeout,
): void {
  const state = stateOf(runtime, store, container);
  // Also for an ended container, whose keeper may wait before the next start.
  if (container.restart !== undefined) markStopped(store, container.id);
  if (!isUp(state)) return;
  if (state.problem !== undefined) throw state.problem;
  signal(runtime, container.id, container.stopSignal);
  // Resume after the signal is sent: the program must not continue before it receives the signal.
  if (state.status === 'paused') unlessEnded(() => resumeContainer(runtime, container.id));
  if (waitEnd(runtime, store, container, seconds < 0 ? -1 : seconds * 1000)) return;
  signal(runtime, container.id, SIG.SIGKILL);
  if (waitEnd(runtime, store, container, killTimeoutMs)) return;
  throw new RuntimeError({
    code: 'direct.not-stopped',
    message: `container ${shortId(container.id)} did not end ${killTimeoutMs / 1000} seconds after SIGKILL`,
    value: container.id,
    hint: 'a process in uninterruptible sleep cannot be killed: see the state D in ps',
  });
}

/** @throws RuntimeError `direct.not-running` */
export function killDirect(
  runtime: Runtime,
  store: DirectStore,
  container: DirectContainer,
  number: number,
): void {
  requireUp(runtime, store, container, 'kill');
  const ends = number === SIG.SIGKILL || number === container.stopSignal;
  if (ends && container.restart !== undefined) markStopped(store, container.id);
  killContainer(runtime, container.id, number);
}

/** @throws RuntimeError `direct.not-running` */
export function requireUp(
  runtime: Runtime,
  store: DirectStore,
  container: DirectContainer,
  attempt: string,
): void {
  if (isUp(stateOf(runtime, store, container))) return;
  throw new RuntimeError({
    code: 'direct.not-running',
    message: `cannot ${attempt} container: ${container.name}: container ${container.id} is not running`,
    value: container.name,
    hint: `tsubo container start ${container.name} starts it`,
  });
}

function signal(runtime: Runtime, id: string, number: number): void {
  unlessEnded(() => killContainer(runtime, id, number));
}

/** Ignores the errors for a container that has ended or was resumed by another command meanwhile. */
function unlessEnded(work: () => void): void {
  try {
    work();
  } catch (error) {
    const ended = ['state.not-running', 'state.not-found', 'state.not-paused'];
    if (!(error instanceof RuntimeError) || !ended.includes(error.code)) throw error;
  }
}

/**
 * Waits for the end of the run, and frees the addresses and the cgroup of the container. Returns false after
 * `timeoutMs`.
 */
export function waitEnd(
  runtime: Runtime,
  store: DirectStore,
  { id, restart }: Pick<DirectContainer, 'id' | 'restart'>,
  timeoutMs: number,
): boolean {
  try {
    if (waitExit(runtime.binding, containerPath(store, id), timeoutMs) === undefined) return false;
  } catch (error) {
    // Without a keeper, only the end of the init can be awaited.
    if (!(error instanceof RuntimeError) || error.code !== 'keeper.gone') throw error;
    if (!waitInit(runtime, store, id, timeoutMs)) return false;
  }
  // Another run may have begun.
  if (restart === undefined || isStopped(store, id)) releaseEnded(runtime, id);
  return true;
}

/** Frees the addresses, the cgroup and the runtime's record of a container that has ended. */
export function releaseEnded(runtime: Runtime, id: string): void {
  deleteContainer(runtime, id, { force: true });
}

function waitInit(runtime: Runtime, store: DirectStore, id: string, timeoutMs: number): boolean {
  const { record } = stateOf(runtime, store, { id });
  if (record?.init === undefined) return true;
  return withInit(runtime.binding, record.init, pidfd => runtime.binding.pidfdWait(pidfd, timeoutMs)) ?? true;
}

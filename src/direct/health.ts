// SPDX-License-Identifier: Apache-2.0
import { errno } from '../errors/errno.ts';
import { onHost, toRuntimeError } from '../errors/system.ts';
import { unlessMissing } from '../host/files.ts';
import { entryPath } from '../host/paths.ts';
import { O } from '../kernel/files.ts';
import { type Executed, startInContainer } from '../lifecycle/exec.ts';
import type { Runtime } from '../lifecycle/runtime.ts';
import { timestamp } from '../lifecycle/timestamp.ts';
import type { DirectContainer } from './container.ts';
import { commandOfCheck, type HealthCheck } from './health-check.ts';
import { ownCommand } from './own-command.ts';
import { stateOf } from './status.ts';
import { containerFiles, containerPath, type DirectStore } from './store.ts';

/** One check that has ended. */
export interface HealthResult {
  /** RFC 3339. */
  readonly start: string;
  readonly end: string;
  /** -1 after a timeout, or if the command could not be executed. */
  readonly exitCode: number;
  /** The last 4096 bytes. */
  readonly output: string;
}

/** health.json: the health in the present run, written after each check. */
export interface Health {
  readonly status: 'starting' | 'healthy' | 'unhealthy';
  readonly failingStreak: number;
  /** The results of the last five checks, oldest first. */
  readonly log: readonly HealthResult[];
}

const newHealth: Health = { status: 'starting', failingStreak: 0, log: [] };
const mostResults = 5;
const mostOutput = 4096;
const killTimeoutMs = 10_000;
/** Length of a result as JSON, in which a byte of the output may have six. */
const longestResult = 64 << 10;

/** Removes the results of the last run. Called before a new run. */
export function forgetHealth({ binding }: Runtime, directory: string): void {
  const path = entryPath(directory, containerFiles.health);
  onHost(`unable to remove ${path}`, () => unlessMissing(() => binding.unlink(path)));
}

/**
 * Returns the health in the present or last run; undefined without a check. A damaged file is ignored: the next check
 * replaces it.
 */
export function healthOf(store: DirectStore, { id, health }: DirectContainer): Health | undefined {
  if (health === undefined) return undefined;
  const text = store.binding.readTextIfThere(entryPath(containerPath(store, id), containerFiles.health));
  try {
    const value: unknown = text === undefined ? undefined : JSON.parse(text);
    return isHealth(value) ? value : newHealth;
  } catch {
    return newHealth;
  }
}

function isHealth(value: unknown): value is Health {
  const { status, failingStreak, log } = (value ?? {}) as Partial<Health>;
  return (
    ['starting', 'healthy', 'unhealthy'].includes(status as string) &&
    Number.isSafeInteger(failingStreak) &&
    Array.isArray(log) &&
    log.every(isResult)
  );
}

function isResult(value: unknown): value is HealthResult {
  const { start, end, exitCode, output } = (value ?? {}) as Partial<HealthResult>;
  return [start, end, output].every(text => typeof text === 'string') && Number.isSafeInteger(exitCode);
}

/** Returns the health after one more check. */
export function afterCheck(
  before: Health,
  check: Pick<HealthCheck, 'retries' | 'startPeriod'>,
  result: HealthResult,
  startedAt: string,
): Health {
  const log = [...before.log, result].slice(-mostResults);
  if (result.exitCode === 0) return { status: 'healthy', failingStreak: 0, log };
  if (isStarting(before, check, result.start, startedAt)) return { ...before, log };
  const failingStreak = before.failingStreak + 1;
  const status = failingStreak >= check.retries ? 'unhealthy' : before.status;
  return { status, failingStreak, log };
}

function isStarting(
  { status }: Health,
  { startPeriod }: Pick<HealthCheck, 'startPeriod'>,
  now: string,
  startedAt: string,
): boolean {
  return status === 'starting' && Date.parse(now) - Date.parse(startedAt) < startPeriod;
}

export interface CheckedHealth {
  readonly health: Health;
  /** The next check is due after the start interval. */
  readonly starting: boolean;
}

/**
 * Checks the health of a container once and records it. Returns undefined without a check, and for a container that is
 * paused, has ended or was started again meanwhile; its health then stays unchanged.
 */
export function checkHealth(
  runtime: Runtime,
  store: DirectStore,
  container: DirectContainer,
): CheckedHealth | undefined {
  const { binding } = runtime;
  const check = container.health;
  if (check === undefined) return undefined;
  // Two checks at a time would lose one of the results. The other one may take its time and that of the kill.
  const path = entryPath(containerPath(store, container.id), containerFiles.healthLock);
  const lock = unlessMissing(() => binding.open(path, O.O_RDWR | O.O_CREAT | O.O_CLOEXEC, 0o600));
  if (lock === undefined) return undefined;
  try {
    if (unlessMissing(() => binding.lock(lock, check.timeout + 2 * killTimeoutMs)) !== true) return undefined;
    return checkLocked(runtime, store, container, check);
  } finally {
    binding.close(lock);
  }
}

function checkLocked(
  runtime: Runtime,
  store: DirectStore,
  container: DirectContainer,
  check: HealthCheck,
): CheckedHealth | undefined {
  const { binding } = runtime;
  const state = stateOf(runtime, store, container);
  if (state.status !== 'running' || state.startedAt === undefined) return undefined;
  const result = limitedProbe(runtime, container, check);
  const after = stateOf(runtime, store, container);
  if (after.status !== 'running' || after.startedAt !== state.startedAt) return undefined;
  const health = afterCheck(healthOf(store, container) ?? newHealth, check, result, state.startedAt);
  const path = entryPath(containerPath(store, container.id), containerFiles.health);
  onHost(`unable to write ${path}`, () => binding.replaceText(path, `${JSON.stringify(health)}\n`, 0o600));
  return { health, starting: isStarting(health, check, timestamp(binding.now()), state.startedAt) };
}

/**
 * Executes the check in a process of its own with a time limit: a container that is paused now would stop the start of
 * the program.
 */
function limitedProbe(runtime: Runtime, { id }: DirectContainer, { timeout }: HealthCheck): HealthResult {
  const { binding } = runtime;
  const start = timestamp(binding.now());
  const own = ownCommand(runtime);
  const { timedOut, stdout, stderr } = binding.runHook({
    path: own[0] ?? '',
    args: [...own, 'container', 'healthcheck', '--probe', id],
    input: '',
    directory: '/',
    timeoutMs: timeout + killTimeoutMs,
    keep: longestResult,
  });
  const failed = (output: string) => ({ start, end: timestamp(binding.now()), exitCode: -1, output });
  if (timedOut) return failed(`Health check exceeded timeout (${timeout} ms)`);
  try {
    const result: unknown = JSON.parse(stdout);
    if (isResult(result)) return result;
  } catch {
    // The process was killed, or has failed: see standard error.
  }
  return failed(stderr.slice(-mostOutput));
}

/** Executes the check. Its program ends with this process, and after its time. */
export function probe(runtime: Runtime, { id }: DirectContainer, check: HealthCheck): HealthResult {
  const { binding } = runtime;
  const start = timestamp(binding.now());
  const result = (exitCode: number, output: string): HealthResult => {
    return { start, end: timestamp(binding.now()), exitCode, output: output.slice(-mostOutput) };
  };
  const [output = -1, write = -1] = onHost('unable to make a pipe', () => binding.pipe());
  try {
    let executed: Executed;
    const none = binding.open('/dev/null', O.O_RDWR | O.O_CLOEXEC, 0);
    try {
      executed = startInContainer(runtime, id, {
        args: commandOfCheck(check),
        detach: true,
        endsWithRuntime: true,
        standard: [none, write, write],
      });
    } catch (error) {
      const failure = toRuntimeError(error);
      if (failure.errno === errno.EINTR) throw failure;
      return result(-1, failure.message);
    } finally {
      binding.close(none);
      binding.close(write);
    }
    const { pid, pidfd } = executed;
    try {
      const request = { pid, pidfd, output, timeoutMs: check.timeout, keep: mostOutput };
      const end = binding.awaitOutput(request);
      if (end.timedOut)
        return result(-1, `Health check exceeded timeout (${check.timeout} ms): ${end.output}`);
      return result(end.code ?? 128 + (end.signal ?? 0), end.output);
    } finally {
      binding.close(pidfd);
    }
  } finally {
    binding.close(output);
  }
}

/** Returns the health in Docker's form, for `container inspect`. */
export function shownHealth({ status, failingStreak, log }: Health): object {
  return {
    Status: status,
    FailingStreak: failingStreak,
    Log: log.map(({ start, end, exitCode, output }) => ({
      Start: start,
      End: end,
      ExitCode: exitCode,
      Output: output,
    })),
  };
}

/** Returns the health for the column STATUS of `container ls`. */
export function healthText(health: Health | undefined): string {
  if (health === undefined) return '';
  return health.status === 'starting' ? ' (health: starting)' : ` (${health.status})`;
}

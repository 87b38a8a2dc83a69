// SPDX-License-Identifier: Apache-2.0
import { RuntimeError } from '../errors/error.ts';
import { onHost } from '../errors/system.ts';
import { unlessMissing } from '../host/files.ts';
import { entryPath } from '../host/paths.ts';
import type { Runtime } from '../lifecycle/runtime.ts';
import type { DirectContainer } from './container.ts';
import { readExit } from './exit-status.ts';
import { startAgain } from './start.ts';
import {
  containerFiles,
  containerPath,
  type DirectStore,
  isStopped,
  listContainers,
  readContainer,
} from './store.ts';

/** A value of `--restart`. */
export interface RestartPolicy {
  readonly kind: 'on-failure' | 'always' | 'unless-stopped';
  /** The most attempts of `on-failure`; 0: no limit. */
  readonly most: number;
}

/** The delay between a run and the next start doubles up to longestDelayMs. A run of at least longRunMs resets it. */
const firstDelayMs = 100;
const longestDelayMs = 60_000;
const longRunMs = 10_000;
const sliceMs = 100;

/**
 * Parses a value of `--restart`; undefined for `no`.
 *
 * @throws RuntimeError `usage.bad-value`
 */
export function parseRestart(text: string): RestartPolicy | undefined {
  const [, kind = '', most] = /^(no|always|unless-stopped|on-failure)(?::(\d{1,6}))?$/.exec(text) ?? [];
  const isValid = kind !== '' && (most === undefined || kind === 'on-failure');
  if (!isValid) {
    throw new RuntimeError({
      code: 'usage.bad-value',
      message: `invalid value ${JSON.stringify(text)} for --restart`,
      value: text,
      hint: 'it is no, on-failure, on-failure:5, always or unless-stopped',
    });
  }
  return kind === 'no' ? undefined : { kind: kind as RestartPolicy['kind'], most: Number(most ?? 0) };
}

export function policyOf({ restart }: Pick<DirectContainer, 'restart'>): RestartPolicy | undefined {
  return restart === undefined ? undefined : parseRestart(restart);
}

/** restart.json: the attempts since the last start by a command, or since the last long run. */
interface Attempts {
  readonly count: number;
  /** The delay before the last start, in milliseconds. */
  readonly delayMs: number;
  /** Milliseconds since 1970. */
  readonly startedMs: number;
}

function attemptsOf(store: DirectStore, id: string): Attempts | undefined {
  const text = store.binding.readTextIfThere(pathIn(store, id, containerFiles.attempts));
  try {
    const value = text === undefined ? undefined : JSON.parse(text);
    const numbers = [value?.count, value?.delayMs, value?.startedMs];
    // The file is damaged if one is missing: begin with the first delay again.
    return numbers.every(number => Number.isSafeInteger(number)) ? (value as Attempts) : undefined;
  } catch {
    return undefined;
  }
}

/** Returns true from the end of a run until its next start, if the policy of the container requires one. */
export function waitsForRestart(store: DirectStore, container: DirectContainer): boolean {
  if (policyOf(container) === undefined || isStopped(store, container.id)) return false;
  const attempts = attemptsOf(store, container.id);
  return attempts !== undefined && attempts.startedMs > Number(store.binding.now() / 1_000_000n);
}

export function restartCount(store: DirectStore, id: string): number {
  return attemptsOf(store, id)?.count ?? 0;
}

function pathIn(store: DirectStore, id: string, name: string): string {
  return entryPath(containerPath(store, id), name);
}

/**
 * Starts a container again after its end, as its policy requires. The keeper runs this when the container has ended. A
 * start that fails is repeated after the next delay.
 */
export function restartAfterEnd(runtime: Runtime, store: DirectStore, id: string): void {
  const { binding } = runtime;
  for (;;) {
    const container = readContainer(store, id);
    const policy = container === undefined ? undefined : policyOf(container);
    if (container === undefined || policy === undefined || isStopped(store, id)) return;
    const exit = readExit(binding, containerPath(store, id));
    if (policy.kind === 'on-failure' && exit?.status === 0) return;
    const next = nextAttempt(attemptsOf(store, id), exit?.finishedAt, Number(binding.now() / 1_000_000n));
    if (policy.most > 0 && next.count > policy.most) return;
    const path = pathIn(store, id, containerFiles.attempts);
    onHost(`unable to write ${path}`, () => binding.replaceText(path, `${JSON.stringify(next)}\n`, 0o600));
    if (!waited(store, id, next.delayMs)) return;
    try {
      startAgain(runtime, store, container);
      return;
    } catch (error) {
      if (!(error instanceof RuntimeError) || error.code === 'internal') throw error;
      runtime.log.warn(`container ${container.name}: ${error.message}`);
    }
  }
}

/** Returns the next attempt. Its delay is twice the last one, or the first delay after a long run. */
export function nextAttempt(
  before: Attempts | undefined,
  finishedAt: string | undefined,
  nowMs: number,
): Attempts {
  const ended = finishedAt === undefined ? Number.NaN : Date.parse(finishedAt);
  const ranLong = before !== undefined && ended - before.startedMs >= longRunMs;
  const { count, delayMs } = before === undefined || ranLong ? { count: 0, delayMs: 0 } : before;
  const delay = delayMs === 0 ? firstDelayMs : Math.min(delayMs * 2, longestDelayMs);
  return { count: count + 1, delayMs: delay, startedMs: nowMs + delay };
}

/** Waits for `delayMs`, and returns true; returns false as soon as a command stops or removes the container. */
function waited(store: DirectStore, id: string, delayMs: number): boolean {
  for (let left = delayMs; left > 0; left -= sliceMs) {
    store.binding.sleepMs(Math.min(left, sliceMs));
    if (isStopped(store, id) || unlessMissing(() => readContainer(store, id)) === undefined) return false;
  }
  return true;
}

/** Returns the containers to start after a start of the machine. */
export function bootContainers(store: DirectStore): DirectContainer[] {
  const { containers } = listContainers(store);
  return containers
    .filter(container => {
      const policy = policyOf(container);
      if (policy === undefined) return false;
      if (policy.kind === 'always') return true;
      if (isStopped(store, container.id)) return false;
      const directory = containerPath(store, container.id);
      const hasRun = store.binding.stat(entryPath(directory, containerFiles.log), true) !== undefined;
      const exit = readExit(store.binding, directory);
      return policy.kind === 'unless-stopped' ? hasRun : hasRun && exit?.status !== 0;
    })
    .reverse();
}

// SPDX-License-Identifier: Apache-2.0
import { errno } from '../errors/errno.ts';
import { isSystemError } from '../errors/system.ts';
import type { Binding } from '../host/binding.d.ts';

/** True when everything in the cgroup is frozen, by itself or by a cgroup above. */
export function isFrozen(binding: Binding, path: string): boolean {
  return event(binding, path, 'frozen') === 1;
}

/** True when this very cgroup was frozen (`pause`), whatever the cgroups above say. */
export function isPaused(binding: Binding, path: string): boolean {
  return binding.readTextIfThere(`${path}/cgroup.freeze`)?.trim() === '1';
}

/** True when a process that is not a zombie is in the cgroup or below. False when there is no such cgroup. */
export function isPopulated(binding: Binding, path: string): boolean {
  return event(binding, path, 'populated') === 1;
}

/** undefined when the cgroup is removed by somebody else (systemd) while one of its files is open. */
export function unlessGone<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    if (isSystemError(error) && error.errno === errno.ENODEV) return undefined;
    throw error;
  }
}

/** Milliseconds between two looks, doubled each time up to the second number. */
const firstPauseMs = 1;
const longestPauseMs = 100;

/**
 * Freezes everything in the cgroup and below, and waits until nothing there runs any more.
 *
 * @returns false when that did not come true in `timeoutMs`: then all of it runs again
 */
export function freeze(binding: Binding, path: string, timeoutMs: number): boolean {
  setFreeze(binding, path, '1');
  let pauseMs = firstPauseMs;
  let waitedMs = 0;
  while (!isFrozen(binding, path)) {
    if (waitedMs >= timeoutMs) {
      setFreeze(binding, path, '0');
      return false;
    }
    binding.sleepMs(pauseMs);
    waitedMs += pauseMs;
    pauseMs = Math.min(pauseMs * 2, longestPauseMs);
  }
  return true;
}

/** Undoes `freeze`. What a cgroup above freezes stays so. */
export function thaw(binding: Binding, path: string): void {
  setFreeze(binding, path, '0');
}

function setFreeze(binding: Binding, path: string, value: '0' | '1'): void {
  binding.writeText(`${path}/cgroup.freeze`, value, 0, 0);
}

/** A number of cgroup.events; the root cgroup has no such file. */
function event(binding: Binding, path: string, name: string): number | undefined {
  const text = unlessGone(() => binding.readTextIfThere(`${path}/cgroup.events`));
  for (const line of text?.split('\n') ?? []) {
    const [key, value] = line.split(' ');
    if (key === name) return Number(value);
  }
  return undefined;
}

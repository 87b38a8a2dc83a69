// SPDX-License-Identifier: Apache-2.0
import { errno } from '../errors/errno.ts';
import { isSystemError } from '../errors/system.ts';
import type { Binding } from '../host/binding.d.ts';

/** Returns true if all processes in the cgroup are frozen, by this cgroup or by one above it. */
export function isFrozen(binding: Binding, path: string): boolean {
  return event(binding, path, 'frozen') === 1;
}

/** Returns true if this cgroup itself was frozen (`pause`), regardless of the cgroups above it. */
export function isPaused(binding: Binding, path: string): boolean {
  return binding.readTextIfThere(`${path}/cgroup.freeze`)?.trim() === '1';
}

/** Returns true if a process other than a zombie is in the cgroup or below it; false if the cgroup does not exist. */
export function isPopulated(binding: Binding, path: string): boolean {
  return event(binding, path, 'populated') === 1;
}

/** Returns undefined if the cgroup is removed, for example by systemd, while one of its files is open (ENODEV). */
export function unlessGone<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    if (isSystemError(error) && error.errno === errno.ENODEV) return undefined;
    throw error;
  }
}

/** Milliseconds between two reads of cgroup.events; the delay doubles up to the second value. */
const firstPauseMs = 1;
const longestPauseMs = 100;

/**
 * Freezes all processes in and below the cgroup, and waits until the kernel reports the cgroup frozen.
 *
 * @returns false if that took longer than `timeoutMs`; the processes are thawed then
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

/** Undoes `freeze`. Processes that a cgroup above freezes stay frozen. */
export function thaw(binding: Binding, path: string): void {
  setFreeze(binding, path, '0');
}

function setFreeze(binding: Binding, path: string, value: '0' | '1'): void {
  binding.writeText(`${path}/cgroup.freeze`, value, 0, 0);
}

/** Reads a number of cgroup.events; the root cgroup has no such file. */
function event(binding: Binding, path: string, name: string): number | undefined {
  const text = unlessGone(() => binding.readTextIfThere(`${path}/cgroup.events`));
  for (const line of text?.split('\n') ?? []) {
    const [key, value] = line.split(' ');
    if (key === name) return Number(value);
  }
  return undefined;
}

// SPDX-License-Identifier: Apache-2.0

import { errno } from '../errors/errno.ts';
import { RuntimeError } from '../errors/error.ts';
import { isSystemError } from '../errors/system.ts';
import type { Binding } from '../host/binding.d.ts';
import { isDirectory, unlessMissing } from '../host/files.ts';
import { SIG } from '../kernel/signals.ts';
import { append } from '../oci/append.ts';
import { isPopulated, unlessGone } from './freezer.ts';

/** Milliseconds between two checks; the delay doubles up to the second value. */
const firstPauseMs = 1;
const longestPauseMs = 100;

/** Returns the process ids in and below the cgroup; empty if the cgroup does not exist. */
export function processesOf(binding: Binding, path: string): number[] {
  const pids = readPids(binding, `${path}/cgroup.procs`);
  for (const child of childCgroups(binding, path)) append(pids, processesOf(binding, child));
  return pids;
}

/** Returns the direct child cgroups. */
export function childCgroups(binding: Binding, path: string): string[] {
  const names = unlessMissing(() => binding.readdir(path)) ?? [];
  // Check the file type, not the name: a container may name its cgroups freely, even `memory.current`.
  return names.map(name => `${path}/${name}`).filter(child => isDirectory(binding, child, true));
}

/**
 * Kills every process in and below the cgroup, and waits until it is empty.
 *
 * @throws RuntimeError `state.cgroup-not-empty` if a process remains after `timeoutMs`
 */
export function killProcesses(binding: Binding, path: string, timeoutMs = 10_000): void {
  let pauseMs = firstPauseMs;
  for (let waitedMs = 0; ; waitedMs += pauseMs) {
    if (!isPopulated(binding, path)) return;
    signalAll(binding, path);
    if (!isPopulated(binding, path)) return;
    if (waitedMs >= timeoutMs) break;
    binding.sleepMs(pauseMs);
    pauseMs = Math.min(pauseMs * 2, longestPauseMs);
  }
  const remaining = processesOf(binding, path);
  throw new RuntimeError({
    code: 'state.cgroup-not-empty',
    path,
    value: remaining.join(' '),
    message: `${remaining.length} process(es) in the cgroup ${path} do not exit`,
    hint: 'a process in uninterruptible sleep (state D) exits only after its I/O is complete',
  });
}

/**
 * Sends SIGKILL to all processes. One write to cgroup.kill (Linux 5.14) also reaches processes that fork meanwhile.
 * On older kernels each pid gets a signal, therefore the caller must check again.
 *
 * @returns false if the cgroup does not exist
 */
export function signalAll(binding: Binding, path: string): boolean {
  if (binding.stat(path) === undefined) return false;
  const written = unlessMissing(() => {
    unlessGone(() => binding.writeText(`${path}/cgroup.kill`, '1', 0, 0));
    return true;
  });
  if (written) return true;
  for (const pid of processesOf(binding, path)) {
    const pidfd = pid === 0 ? undefined : binding.pidfdOpen(pid);
    if (pidfd === undefined) continue;
    // The pid may have been reused since it was read: signal it only if it is still in the cgroup.
    if (processesOf(binding, path).includes(pid)) binding.pidfdSignal(pidfd, SIG.SIGKILL);
    binding.close(pidfd);
  }
  return true;
}

function readPids(binding: Binding, path: string): number[] {
  try {
    const lines = binding.readText(path).split('\n');
    // cgroup.procs contains 0 for a process outside the runtime's pid namespace.
    return lines.filter(line => line !== '').map(Number);
  } catch (error) {
    // ENODEV: the cgroup was removed meanwhile. EOPNOTSUPP: the cgroup is threaded; the domain above it lists its
    // processes.
    const absent: readonly number[] = [errno.ENOENT, errno.ENODEV, errno.EOPNOTSUPP];
    if (isSystemError(error) && absent.includes(error.errno)) return [];
    throw error;
  }
}

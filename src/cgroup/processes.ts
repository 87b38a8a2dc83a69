// SPDX-License-Identifier: Apache-2.0
import { errno } from '../errors/errno.ts';
import { RuntimeError } from '../errors/error.ts';
import { isSystemError } from '../errors/system.ts';
import type { Binding } from '../host/binding.d.ts';
import { isDirectory, unlessMissing } from '../host/files.ts';
import { isPopulated, unlessGone } from './freezer.ts';

const SIGKILL = 9;
/** Milliseconds between two looks, doubled each time up to the second number. */
const firstPauseMs = 1;
const longestPauseMs = 100;

/** Process ids in the cgroup and in all below it. Empty when there is no such cgroup. */
export function processesOf(binding: Binding, path: string): number[] {
  const pids = readPids(binding, `${path}/cgroup.procs`);
  for (const child of childCgroups(binding, path)) pids.push(...processesOf(binding, child));
  return pids;
}

/** The cgroups directly below. */
export function childCgroups(binding: Binding, path: string): string[] {
  const names = unlessMissing(() => binding.readdir(path)) ?? [];
  // By type and not by name: a container may call its cgroups whatever it likes, `memory.current` included.
  return names.map(name => `${path}/${name}`).filter(child => isDirectory(binding, child, true));
}

/**
 * Kills every process in the cgroup and below, and waits until it is empty.
 *
 * @throws RuntimeError `state.cgroup-not-empty` when something is still there after `timeoutMs`
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
  const left = processesOf(binding, path);
  throw new RuntimeError({
    code: 'state.cgroup-not-empty',
    path,
    value: left.join(' '),
    message: `${left.length} process(es) in the cgroup ${path} do not end`,
    hint: 'a process in uninterruptible sleep (state D) ends when its input or output does',
  });
}

/**
 * SIGKILL for all: one write to cgroup.kill (Linux 5.14), which no fork can outrun. Older kernels: each pid in turn,
 * which is why the caller looks again.
 *
 * @returns false when there is no such cgroup
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
    // The pid may have got a new owner since the list was read: only who is in the cgroup now is signalled.
    if (processesOf(binding, path).includes(pid)) binding.pidfdSignal(pidfd, SIGKILL);
    binding.close(pidfd);
  }
  return true;
}

function readPids(binding: Binding, path: string): number[] {
  try {
    const lines = binding.readText(path).split('\n');
    // 0 stands for a process that our pid namespace does not see.
    return lines.filter(line => line !== '').map(Number);
  } catch (error) {
    // ENODEV: the cgroup was removed under us. EOPNOTSUPP: a threaded cgroup; the domain above lists its processes.
    const absent: readonly number[] = [errno.ENOENT, errno.ENODEV, errno.EOPNOTSUPP];
    if (isSystemError(error) && absent.includes(error.errno)) return [];
    throw error;
  }
}

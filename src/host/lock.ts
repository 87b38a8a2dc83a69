// SPDX-License-Identifier: Apache-2.0
import { RuntimeError } from '../errors/error.ts';
import { onHost } from '../errors/system.ts';
import { O } from '../kernel/files.ts';
import type { Binding } from './binding.d.ts';
import { openReadOnly } from './files.ts';

/**
 * Opens a file or directory and locks it (flock(2)). Closing the descriptor releases the lock.
 *
 * @returns undefined if another process holds the lock for `timeoutMs`
 * @throws SystemError of open(2) or flock(2)
 */
export function openLocked(binding: Binding, path: string, timeoutMs: number): number | undefined {
  const fd = binding.open(path, O.O_RDONLY | O.O_CLOEXEC, 0);
  let isLocked = false;
  try {
    isLocked = binding.lock(fd, timeoutMs);
  } finally {
    if (!isLocked) binding.close(fd);
  }
  return isLocked ? fd : undefined;
}

/**
 * Calls `work` while this process holds the lock of a directory.
 *
 * @param what - that the lock protects, such as `the networks`
 * @throws RuntimeError `state.busy` if another process holds the lock for `timeoutMs`; `host.syscall`
 */
export function withLock<T>(
  binding: Binding,
  path: string,
  { what, timeoutMs }: { readonly what: string; readonly timeoutMs: number },
  work: () => T,
): T {
  const fd = openReadOnly(binding, path);
  try {
    if (onHost(`unable to lock ${path}`, () => binding.lock(fd, timeoutMs))) return work();
    throw new RuntimeError({
      code: 'state.busy',
      message: `${what} are busy: another command holds the lock of ${path}`,
      path,
      hint: 'run lslocks to find the process',
    });
  } finally {
    binding.close(fd);
  }
}

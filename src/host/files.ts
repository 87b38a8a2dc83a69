// SPDX-License-Identifier: Apache-2.0
import { errno } from '../errors/errno.ts';
import { isSystemError, onHost } from '../errors/system.ts';
import { O, S_IF, S_IFMT } from '../kernel/files.ts';
import type { Binding } from './binding.d.ts';
import { parentPath } from './paths.ts';

/**
 * Opens an existing file for reading. The caller closes it.
 *
 * @throws RuntimeError `host.syscall`
 */
export function openReadOnly(binding: Binding, path: string): number {
  return onHost(`unable to open ${path}`, () => binding.open(path, O.O_RDONLY | O.O_CLOEXEC, 0));
}

/**
 * Calls `work` with a descriptor (O_PATH) of a directory.
 *
 * @throws RuntimeError `host.syscall`
 */
export function withDirectory<T>(binding: Binding, path: string, work: (fd: number) => T): T {
  const fd = onHost(`unable to open ${path}`, () => binding.open(path, O.O_PATH | O.O_CLOEXEC, 0));
  try {
    return work(fd);
  } finally {
    binding.close(fd);
  }
}

/** Returns true for a directory; with `noFollow`, not for a symbolic link to one. */
export function isDirectory(binding: Binding, path: string, noFollow = false): boolean {
  const status = binding.stat(path, noFollow);
  return status !== undefined && (status.mode & S_IFMT) === S_IF.S_IFDIR;
}

/** Creates directories like mkdir -p; new directories get `mode`. */
export function makeDirectories(binding: Binding, path: string, mode: number): void {
  // Fast path: the directory usually exists, and stat is cheaper than an exception.
  if (isDirectory(binding, path)) return;
  try {
    binding.mkdir(path, mode);
  } catch (error) {
    if (!isSystemError(error)) throw error;
    if (error.errno === errno.EEXIST && isDirectory(binding, path)) return;
    if (error.errno !== errno.ENOENT || parentPath(path) === path) throw error;
    makeDirectories(binding, parentPath(path), mode);
    makeDirectories(binding, path, mode);
  }
}

/** Returns the result, or undefined for ENOENT. */
export function unlessMissing<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    if (isSystemError(error) && error.errno === errno.ENOENT) return undefined;
    throw error;
  }
}

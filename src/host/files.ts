// SPDX-License-Identifier: Apache-2.0
import { errno } from '../errors/errno.ts';
import { isSystemError, onHost } from '../errors/system.ts';
import type { Binding } from './binding.d.ts';
import { parentPath } from './paths.ts';

/** Flags of open(2) that have the same value on x86_64 and arm64 (O_DIRECTORY and O_NOFOLLOW do not). */
export const openFlags = {
  readOnly: 0,
  readWrite: 0o2,
  create: 0o100,
  exclusive: 0o200,
  append: 0o2000,
  nonBlocking: 0o4000,
  synchronous: 0o4010000,
  closeOnExec: 0o2000000,
  pathOnly: 0o10000000,
} as const;

/**
 * Opens an existing file for reading. The caller closes it.
 *
 * @throws RuntimeError `host.syscall`
 */
export function openReadOnly(binding: Binding, path: string): number {
  return onHost(`unable to open ${path}`, () =>
    binding.open(path, openFlags.readOnly | openFlags.closeOnExec, 0),
  );
}

const typeMask = 0o170000;
const directoryType = 0o040000;

/** Returns true for a directory; with `noFollow`, not for a symbolic link to one. */
export function isDirectory(binding: Binding, path: string, noFollow = false): boolean {
  const status = binding.stat(path, noFollow);
  return status !== undefined && (status.mode & typeMask) === directoryType;
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

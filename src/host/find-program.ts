// SPDX-License-Identifier: Apache-2.0
import { isSystemError } from '../errors/system.ts';
import type { Binding } from './binding.d.ts';
import { joinPath } from './paths.ts';

const usualDirectories = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/**
 * Searches the absolute directories of PATH, or the usual directories if PATH is empty, because engines run the
 * runtime with an empty environment. Returns undefined if no directory contains the program.
 */
export function findProgram(binding: Binding, name: string): string | undefined {
  return (binding.getenv('PATH') || usualDirectories)
    .split(':')
    .filter(directory => directory.startsWith('/'))
    .map(directory => joinPath(directory, name))
    .find(path => isThere(binding, path));
}

/** Skips an inaccessible directory, like execvp(3). */
function isThere(binding: Binding, path: string): boolean {
  try {
    return binding.stat(path) !== undefined;
  } catch (error) {
    if (isSystemError(error)) return false;
    throw error;
  }
}

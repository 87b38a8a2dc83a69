// SPDX-License-Identifier: Apache-2.0
import { isSystemError } from '../errors/system.ts';
import type { Binding } from './binding.d.ts';
import { joinPath } from './paths.ts';

const usualDirectories = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/**
 * The path of a program: in the absolute directories of PATH, or where it usually is, because engines call with an empty
 * environment. undefined when it is in none.
 */
export function findProgram(binding: Binding, name: string): string | undefined {
  return (binding.getenv('PATH') || usualDirectories)
    .split(':')
    .filter(directory => directory.startsWith('/'))
    .map(directory => joinPath(directory, name))
    .find(path => isThere(binding, path));
}

/** As execvp(3) a directory that is closed to us is passed over. */
function isThere(binding: Binding, path: string): boolean {
  try {
    return binding.stat(path) !== undefined;
  } catch (error) {
    if (isSystemError(error)) return false;
    throw error;
  }
}

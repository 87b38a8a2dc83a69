// SPDX-License-Identifier: Apache-2.0
import { readdirSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { constants } from 'node:os';
import type { Binding } from '../../src/host/binding.d.ts';

/**
 * The file functions of the binding for unit tests, without the addon and without root. Any other call fails the test.
 */
export function diskBinding(): Binding {
  const calls: Partial<Binding> = {
    readText: path => asSystemError('open', () => readFileSync(path, 'utf8')),
    readTextIfThere: path => {
      try {
        return readFileSync(path, 'utf8');
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
        throw error;
      }
    },
    readdir: path => asSystemError('open', () => readdirSync(path).sort()),
    realpath: path => asSystemError('realpath', () => realpathSync(path)),
    stat: path => {
      const found = statSync(path, { throwIfNoEntry: false });
      return found && { ...found, rdevMajor: 0, rdevMinor: 0 };
    },
  };
  return calls as Binding;
}

export function asSystemError<T>(syscall: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    const { code = '', path } = error as NodeJS.ErrnoException;
    const errno = constants.errno[code as keyof typeof constants.errno];
    throw Object.assign(new Error(`${syscall}: ${code}`), { syscall, errno, path });
  }
}

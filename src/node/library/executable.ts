// SPDX-License-Identifier: Apache-2.0
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { packageDirectory } from '../binding.ts';

/** The first words of a command line with the command tsubo of this package. */
export function ownExecutable(): readonly string[] {
  const home = packageDirectory();
  const executable = join(home, 'dist/tsubo');
  return existsSync(executable) ? [executable] : [process.execPath, join(home, 'dist/tsubo.cjs')];
}

// SPDX-License-Identifier: Apache-2.0
import { accessSync, constants, copyFileSync, linkSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { writeCodeCache } from './code-cache.ts';

/**
 * npm runs this after unpacking the package. It replaces the package's command (dist/tsubo, initially
 * src/node/launcher.sh) by the standalone executable, if the package contains one for this machine.
 */
function install(home: string): void {
  const executable = join(home, 'prebuilds', `${process.platform}-${process.arch}`, 'tsubo');
  const command = join(home, 'dist/tsubo');
  try {
    accessSync(executable, constants.X_OK);
  } catch {
    return;
  }
  // Makes a link or a copy with a temporary name and renames it, because the old file may be shared with the package
  // manager's store, or be in use.
  const fresh = `${command}.${process.pid}`;
  try {
    try {
      linkSync(executable, fresh);
    } catch {
      copyFileSync(executable, fresh);
    }
    renameSync(fresh, command);
  } catch {
    // In a read-only package, the launcher stays and runs the executable.
    rmSync(fresh, { force: true });
  }
}

// The build in the checkout writes only the cache, because packages contain the launcher.
if (process.argv[2] !== 'cache') install(join(__dirname, '..'));
try {
  writeCodeCache(__dirname);
} catch {
  // Without a cache, a read-only package only starts more slowly.
}

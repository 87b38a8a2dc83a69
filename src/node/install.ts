// SPDX-License-Identifier: Apache-2.0
import { accessSync, constants, copyFileSync, linkSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { writeCodeCache } from './code-cache.ts';

/**
 * Run by npm when the package has been unpacked: the package's command (dist/tsubo, until now src/node/launcher.sh)
 * becomes the standalone executable itself, where the package has one for this machine.
 */
function install(home: string): void {
  const executable = join(home, 'prebuilds', `${process.platform}-${process.arch}`, 'tsubo');
  const command = join(home, 'dist/tsubo');
  try {
    accessSync(executable, constants.X_OK);
  } catch {
    return;
  }
  // Another name, then a rename: the file may be shared with the package manager's store, and somebody may be calling it.
  const fresh = `${command}.${process.pid}`;
  try {
    try {
      linkSync(executable, fresh);
    } catch {
      copyFileSync(executable, fresh);
    }
    renameSync(fresh, command);
  } catch {
    // A package that cannot be written keeps the launcher, which does the same a little later.
    rmSync(fresh, { force: true });
  }
}

// In the checkout the build asks for the cache alone: what is packed is the launcher.
if (process.argv[2] !== 'cache') install(join(__dirname, '..'));
try {
  writeCodeCache(__dirname);
} catch {
  // a package that cannot be written starts a little slower
}

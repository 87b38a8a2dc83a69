// SPDX-License-Identifier: Apache-2.0
import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Machine } from './machine.ts';

const home = '/opt/tsubo';

/**
 * Installs the npm package with the standalone executable and this Node into the machine, with both programs in PATH.
 *
 * @param top the checkout, in which everything is built
 * @param standalone path of the executable
 */
export function installPackage(machine: Machine, top: string, standalone: string): void {
  const copies: readonly (readonly [string, string])[] = [
    [process.execPath, 'bin/node'],
    ...['dist', 'binding.gyp', 'build/Release'].map(name => [join(top, name), name] as const),
    [standalone, 'dist/tsubo'],
  ];
  for (const [from, to] of copies) {
    const target = machine.path(`${home}/${to}`);
    mkdirSync(dirname(target), { recursive: true });
    const done = spawnSync('cp', ['-aL', from, target], { encoding: 'utf8', timeout: 60_000 });
    if (done.status !== 0) throw new Error(done.stderr);
  }
  mkdirSync(machine.path('/usr/local/bin'), { recursive: true });
  for (const name of ['bin/node', 'dist/tsubo']) {
    const link = machine.path(`/usr/local/${name.replace('dist', 'bin')}`);
    rmSync(link, { force: true });
    symlinkSync(`${home}/${name}`, link);
  }
}

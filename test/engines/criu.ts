// SPDX-License-Identifier: Apache-2.0
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import type { Machine } from './machine.ts';

const fetched = 'build/tools/criu';
const home = '/opt/criu';

/** A program for checkpoints that counts in its output. */
export const counting = 'i=0; while :; do i=$((i+1)); echo $i; sleep 0.1; done';

/**
 * Installs the criu of test/tools.mjs, which is newer than that of Debian 12 and works on newer kernels. Without it the
 * machine has the criu of its suite.
 */
export function installCriu(machine: Machine): void {
  if (!existsSync(fetched) || existsSync(machine.path(home))) return;
  mkdirSync(machine.path('/opt'), { recursive: true });
  const done = spawnSync('cp', ['-a', fetched, machine.path(home)], { encoding: 'utf8', timeout: 60_000 });
  if (done.status !== 0) throw new Error(done.stderr);
  const [triplet = ''] = readdirSync(`${fetched}/usr/lib`).filter(name => name.endsWith('-linux-gnu'));
  const libraries = `${home}/usr/lib/${triplet}`;
  const loader = readdirSync(`${fetched}/usr/lib/${triplet}`).find(name => name.startsWith('ld-linux'));
  const words = [`${libraries}/${loader}`, '--library-path', libraries, `${home}/usr/sbin/criu`];
  machine.run(['rm', '-f', '/usr/sbin/criu']);
  machine.write('/usr/sbin/criu', `#!/bin/sh\nexec ${words.join(' ')} "$@"\n`, 0o755);
}

/** Throws unless the output of the counting program has all numbers in order. */
export function requireAllNumbers(output: string): number {
  const lines = output.split('\n').filter(Boolean);
  const wrong = lines.findIndex((line, index) => line.trim() !== String(index + 1));
  if (wrong >= 0) throw new Error(`line ${wrong + 1} of ${lines.length} is ${JSON.stringify(lines[wrong])}`);
  return lines.length;
}

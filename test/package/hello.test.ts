// SPDX-License-Identifier: Apache-2.0
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { requires } from '../helpers/requires.ts';
import { checkout } from './tarball.ts';

/** The result of `npm run hello -- ARGS`. */
function hello(...args: string[]) {
  return spawnSync(process.execPath, [join(checkout, 'bundle-fixtures/good/hello/run.mjs'), ...args], {
    encoding: 'utf8',
  });
}

describe.skipIf(requires('root', 'g++'))('the first command of the README', () => {
  test('runs a container that prints its isolation', () => {
    const { status, stdout } = hello();
    expect(status).toBe(0);
    // Left the view from inside, right the view from outside.
    expect(stdout).toMatch(/^ +process id +1 +\d+$/m);
    expect(stdout).toMatch(/^ +processes in \/proc +1 +\d+$/m);
    expect(stdout).toMatch(/^ +host name +tsubo-hello +\S+$/m);
    expect(stdout).toMatch(/^ +capabilities +3 of \d+ +\d+ of \d+$/m);
    expect(stdout).toMatch(/^ +no new privileges +yes +(yes|no)$/m);
    expect(stdout).toMatch(/^ +open files at most +1024 +\d+$/m);
    expect(stdout).toMatch(/^ +root file system +read-only +\S+$/m);
    expect(stdout).toMatch(/^ +network interfaces +lo +/m);
    for (const kind of ['cgroup', 'ipc', 'mnt', 'net', 'pid', 'uts']) {
      expect(stdout).toMatch(new RegExp(`^ +${kind} +\\d+ +its own +\\d+$`, 'm'));
    }
    expect(stdout).toMatch(/^ +user +(\d+) +the same +\1$/m);
    expect(stdout).toMatch(/^ +\/proc\/sys +proc +ro,/m);
  });

  test('returns the exit status of the program', () => {
    expect(hello('7').status).toBe(7);
    expect(hello('0').status).toBe(0);
  });

  test.each([['--seven'], ['256'], ['7', '8']])('refuses the arguments %s %s', (...args) => {
    const { status, stderr } = hello(...args.filter(arg => arg !== undefined));
    expect(status).toBe(1);
    expect(stderr).toContain('usage: npm run hello [-- STATUS], with STATUS from 0 to 255');
  });
});

// SPDX-License-Identifier: Apache-2.0
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { requires } from '../helpers/requires.ts';
import { standaloneFor } from '../helpers/runtime.ts';
import { checkout } from '../package/tarball.ts';

describe.skipIf(requires('standalone', 'g++'))('another checkout in another directory', () => {
  const copy = mkdtempSync(join(tmpdir(), 'tsubo-again-'));
  afterAll(() => rmSync(copy, { recursive: true, force: true }));

  test('builds the same executables, byte for byte', () => {
    for (const name of [
      'package.json',
      'package-lock.json',
      'tsconfig.json',
      'binding.gyp',
      'src',
      'native',
    ]) {
      cpSync(join(checkout, name), join(copy, name), { recursive: true });
    }
    mkdirSync(join(copy, 'build'));
    for (const name of ['node_modules', 'build/cache', 'build/tools']) {
      symlinkSync(join(checkout, name), join(copy, name));
    }
    execFileSync(process.execPath, [join(copy, 'native/build/standalone.mjs')], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const program = standaloneFor(process.arch);
    for (const name of ['tsubo', 'tsubo-bytecode', 'tsubo-init', 'program.js', 'built-with.json']) {
      const here = readFileSync(join(dirname(program), name));
      const there = readFileSync(join(copy, 'build/standalone', process.arch, name));
      expect(there.equals(here), name).toBe(true);
    }
  }, 600_000);
});

// SPDX-License-Identifier: Apache-2.0
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { quickjsDirectory } from '../../.ci/quickjs.mjs';
import { requires } from '../helpers/requires.ts';

describe.skipIf(requires('standalone'))('the C library of the standalone executable', () => {
  const directory = mkdtempSync(join(tmpdir(), 'tsubo-libc-'));
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  it("computes, moves, prints and allocates as the machine's does", async () => {
    const quickjs = await quickjsDirectory();
    const objects = ['strings.cc', 'print.cc', 'math.cc', 'memory.cc', 'dtoa.c'].map(name => {
      const [compiler, flags, at] = name.endsWith('.c')
        ? ['gcc', ['-D_GNU_SOURCE', '-DNDEBUG', '-fbuiltin', '-w'], quickjs]
        : ['g++', ['-std=c++20', '-fno-exceptions', '-ffreestanding'], 'native/standalone/libc'];
      const object = join(directory, `${name}.o`);
      execFileSync(compiler, [
        ...['-O2', '-fno-builtin', '-fno-tree-loop-distribute-patterns', '-fno-stack-protector', '-fno-pie'],
        ...[...flags, '-Inative', '-isystem', quickjs, '-c', join(at, name), '-o', object],
      ]);
      execFileSync('objcopy', ['--prefix-symbols=own_', object]);
      return object;
    });
    const program = join(directory, 'beside');
    const own = ['test/native/libc-beside.cc', ...objects];
    execFileSync('g++', ['-std=c++20', '-O1', '-w', '-fno-builtin', '-no-pie', ...own, '-o', program]);
    const out = execFileSync(program, { encoding: 'utf8' });
    expect(out).toMatch(/^\d{7} compared, 0 different\n$/);
  }, 60_000);
});

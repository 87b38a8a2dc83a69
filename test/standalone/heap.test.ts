// SPDX-License-Identifier: Apache-2.0
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import { requires } from '../helpers/requires.ts';

describe.skipIf(requires('standalone'))('the heap of the executable', () => {
  const directory = mkdtempSync(join(tmpdir(), 'tsubo-heap-'));
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  test('fulfils the contract of malloc through 150,000 calls', () => {
    const program = join(directory, 'heap');
    const source = fileURLToPath(new URL('../helpers/heap.cc', import.meta.url));
    const native = fileURLToPath(new URL('../../native', import.meta.url));
    execFileSync('g++', ['-std=c++20', '-O1', '-I', native, '-o', program, source]);
    expect(execFileSync(program, { encoding: 'utf8' })).toBe('good\n');
  });
});

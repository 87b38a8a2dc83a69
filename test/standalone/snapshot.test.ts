// SPDX-License-Identifier: Apache-2.0
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { requires } from '../helpers/requires.ts';
import { commands } from '../helpers/runtime.ts';

describe.skipIf(requires('standalone', 'root'))('the two ways of starting', () => {
  const [program = ''] = commands.standalone;
  const bytecode = `${program}-bytecode`;
  const fixtures = new URL('../../bundle-fixtures/', import.meta.url).pathname;
  const directory = mkdtempSync(join(tmpdir(), 'tsubo-snapshot-'));
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  const run = (command: readonly string[], cwd: string) => {
    const [name = '', ...args] = command;
    const { status, signal, stdout, stderr } = spawnSync(name, args, { cwd, encoding: 'utf8' });
    return { status, signal, stdout, stderr: stderr.replace(/time="[^"]*"/g, '') };
  };

  test('differ: one executable contains its heap, the other does not', () => {
    expect(statSync(program).size).toBeGreaterThan(statSync(bytecode).size + 500_000);
    // Only the build can make the heap.
    for (const one of [program, bytecode]) {
      const refused = run([one, '--write-snapshot', join(directory, 'none')], directory);
      expect(refused).toMatchObject({
        status: 1,
        signal: null,
        stderr: expect.stringContaining('unknown option --write-snapshot'),
      });
    }
    expect(existsSync(join(directory, 'none'))).toBe(false);
  });

  test('differ in their page faults: the snapshot remains in the page cache', () => {
    // Field 11: page faults of reaped children. A separate shell, which has no other children.
    const script = '"$0" features >"$1"; read -r line </proc/$$/stat; echo "$line"';
    const faults = (one: string): number => {
      const { stdout } = run(['sh', '-c', script, one, join(directory, 'features')], '/');
      return Number(stdout.split(' ')[10]);
    };
    expect(faults(program)).toBeGreaterThan(20);
    expect(faults(program)).toBeLessThan(faults(bytecode) / 2);
  });

  // Without randomization the heap of the C library begins at the end of the snapshot.
  test.each([
    ['as usual', []],
    ['without address space randomization', ['setarch', '-R']],
  ])('print the same, %s', (_name, before) => {
    const root = ['--root', join(directory, 'state')];
    for (const [cwd, args] of [
      ['/', ['--version']],
      ['/', ['--help']],
      ['/', ['create', '--help']],
      ['/', [...root, 'state', 'nope']],
      ['/', ['no-such-command']],
      ['/', ['list', '--no-such-option']],
      [join(fixtures, 'good/default'), ['spec']],
      [join(fixtures, 'bad/mount-tmpfs-on-proc'), [...root, 'create', 'x']],
      [join(fixtures, 'bad/json-truncated'), [...root, 'create', 'x']],
      [join(fixtures, 'bad/range-uint64'), [...root, 'create', 'x']],
    ] as const) {
      const quick = run([...before, program, ...args], cwd);
      expect(quick).toEqual(run([...before, bytecode, ...args], cwd));
      expect(quick.stdout + quick.stderr).not.toContain('\0');
      expect(quick.stdout + quick.stderr).not.toBe('');
    }
  });
});

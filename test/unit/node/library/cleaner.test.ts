// SPDX-License-Identifier: Apache-2.0
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { lineOf, script } from '../../../../src/node/library/cleaner.ts';

/** A line of fields that are separated by tabs, written here with `|`. */
const tabs = (text: string): string => text.replaceAll('|', '\t');

/** The commands that the shell runs after these lines: `printf` prints them instead. */
const commandsAfter = (...lines: readonly string[]): string[] =>
  spawnSync('/bin/sh', ['-c', script, 'sh', 'printf', '%s %s %s %s %s %s %s\\n'], {
    input: lines.map(line => `${tabs(line)}\n`).join(''),
    encoding: 'utf8',
    timeout: 10_000,
  })
    .stdout.split('\n')
    .map(line => line.trimEnd())
    .filter(line => line !== '');

it.each<[string, string[], string[]]>([
  ['no container', [], []],
  ['one', ['+a|-|-|/run/x'], ['--root /run/x delete --force a']],
  ['none after its delete', ['+a|-|-|/run/x', '-a|-|-|/run/x'], []],
  [
    'those that are left, in the order of their creation',
    ['+a|-|-|/r', '+ab|-|-|/r', '+b|-|-|/r', '-ab|-|-|/r', '+c|-|-|/r s'],
    ['--root /r delete --force a', '--root /r delete --force b', '--root /r s delete --force c'],
  ],
  ['one that was created again', ['+a|-|-|/r', '-a|-|-|/r', '+a|-|-|/r'], ['--root /r delete --force a']],
  ['one with its init only', ['+a|-|7:99|/r'], ['--root /r delete --force --only-init 7:99 a']],
  ['one of two roots', ['+a|-|-|/r', '+a|-|-|/s', '-a|-|-|/r'], ['--root /s delete --force a']],
])('deletes after the end of the program: %s', (_, lines, commands) => {
  expect(commandsAfter(...lines)).toEqual(commands);
});

it('removes the directory of a config after its container', () => {
  const directory = mkdtempSync(join(tmpdir(), 'tsubo cleaner '));
  try {
    expect(commandsAfter(`+a|${directory}|-|/r`)).toEqual(['--root /r delete --force a']);
    expect(existsSync(directory)).toBe(false);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});

it.each([
  [{ id: 'a', root: '/r' }, 'a|-|-|/r'],
  [{ id: 'a', root: '/r', identity: { pid: 7, startTime: 99 } }, 'a|-|7:99|/r'],
  [{ id: 'a', root: '/r', temporaryBundle: '/t m p/b' }, 'a|/t m p/b|-|/r'],
  [{ id: 'a', root: '/r\n+b - /' }, undefined],
  [{ id: 'a', root: '/r', temporaryBundle: '/t\tb' }, undefined],
])('writes a line for %j', (leftover, line) => {
  expect(lineOf(leftover)).toBe(line === undefined ? line : tabs(line));
});

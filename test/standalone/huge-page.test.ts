// SPDX-License-Identifier: Apache-2.0
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { requires } from '../helpers/requires.ts';
import { commands } from '../helpers/runtime.ts';

describe.skipIf(requires('standalone', 'g++'))("the engine's heap", () => {
  const [program = ''] = commands.standalone;
  const directory = mkdtempSync(join(tmpdir(), 'tsubo-huge-'));
  const withoutHugePages = join(directory, 'no-huge');
  const arena = '10000000-';

  beforeAll(() => {
    const source = fileURLToPath(new URL('../helpers/no-huge.cc', import.meta.url));
    execFileSync('g++', ['-std=c++20', '-o', withoutHugePages, source]);
    // A command that reads it waits until somebody writes.
    mkdirSync(join(directory, 'bundle'));
    execFileSync('mkfifo', [join(directory, 'bundle/config.json')]);
  });
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  /** What smaps tells of the arena of a command that has begun and waits. */
  async function arenaOf(before: readonly string[]): Promise<Record<string, string>> {
    const [name = '', ...args] = [...before, program, 'check', join(directory, 'bundle')];
    const running = spawn(name, args, { stdio: 'ignore' });
    const ended = once(running, 'exit');
    try {
      // wait_for_partner is where the open of a FIFO sleeps
      while (!readFileSync(`/proc/${running.pid}/wchan`, 'utf8').includes('wait_for_partner')) {
        expect(running.exitCode).toBeNull();
        await setTimeout(5);
      }
      const smaps = readFileSync(`/proc/${running.pid}/smaps`, 'utf8');
      const from = smaps.slice(smaps.indexOf(`\n${arena}`) + 1).split(/\n(?=[0-9a-f]+-)/)[0] ?? '';
      return Object.fromEntries([...from.matchAll(/^(\w+): +(.*)$/gm)].map(([, key, value]) => [key, value]));
    } finally {
      running.kill('SIGKILL');
      await ended;
    }
  }

  test.skipIf(requires('huge-pages'))('is one huge page', async () => {
    let found: Record<string, string> = {};
    // The kernel may have none free for a moment.
    for (let attempt = 0; attempt < 20 && found['AnonHugePages'] !== '2048 kB'; attempt++)
      found = await arenaOf([]);
    expect(found).toMatchObject({ Size: '2048 kB', AnonHugePages: '2048 kB', Private_Dirty: '2048 kB' });
  });

  test('stays in the pages of the file where there is no huge page', async () => {
    const found = await arenaOf([withoutHugePages]);
    expect(found['AnonHugePages']).toBe('0 kB');
    expect(Number.parseInt(found['Private_Dirty'] ?? '', 10)).toBeLessThan(1500);
    expect(Number.parseInt(found['Rss'] ?? '', 10)).toBeGreaterThan(100);
  });

  test.each([
    ['without huge pages', () => [withoutHugePages]],
    // 6 MB of address space: enough for the command, and not for what the page takes while it is filled
    ['with little address space', () => ['/bin/sh', '-c', 'ulimit -v 6000; exec "$@"', 'sh']],
  ])('serves the same commands %s', (_name, before) => {
    for (const args of [
      ['--version'],
      ['--help'],
      ['--root', directory, 'state', 'nope'],
      ['list', '--no-such-option'],
    ]) {
      const said = (command: readonly string[]) => {
        const [name = '', ...rest] = command;
        const { status, signal, stdout, stderr } = spawnSync(name, rest, { encoding: 'utf8' });
        return { status, signal, stdout, stderr: stderr.replace(/time="[^"]*"/g, '') };
      };
      expect(said([...before(), program, ...args])).toEqual(said([program, ...args]));
    }
  });

  test('fits a huge page', () => {
    const file = readFileSync(program);
    const headers = Number(file.readBigUInt64LE(0x20));
    const sizes: number[] = [];
    for (let index = 0; index < file.readUInt16LE(0x38); index++) {
      const at = headers + index * file.readUInt16LE(0x36);
      if (file.readBigUInt64LE(at + 0x10) === 0x10000000n)
        sizes.push(Number(file.readBigUInt64LE(at + 0x28)));
    }
    expect(sizes).toHaveLength(1);
    expect(sizes[0]).toBeLessThanOrEqual(2 * 1024 * 1024);
  });
});

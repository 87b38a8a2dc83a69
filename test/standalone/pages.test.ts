// SPDX-License-Identifier: Apache-2.0
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { requires } from '../helpers/requires.ts';
import { commands } from '../helpers/runtime.ts';

describe.skipIf(requires('standalone'))('the pages of the snapshot', () => {
  const [program = ''] = commands.standalone;
  const directory = mkdtempSync(join(tmpdir(), 'tsubo-pages-'));
  const arena = '10000000-';

  beforeAll(() => {
    // A command that reads it blocks until a writer opens it.
    mkdirSync(join(directory, 'bundle'));
    execFileSync('mkfifo', [join(directory, 'bundle/config.json')]);
  });
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  /** Values of smaps for the arena of a waiting command, in kB. */
  async function arenaOf(): Promise<Record<string, number>> {
    const running = spawn(program, ['check', join(directory, 'bundle')], { stdio: 'ignore' });
    const ended = once(running, 'exit');
    try {
      // wait_for_partner is the wait channel of opening a FIFO.
      while (!readFileSync(`/proc/${running.pid}/wchan`, 'utf8').includes('wait_for_partner')) {
        expect(running.exitCode).toBeNull();
        await setTimeout(5);
      }
      const smaps = readFileSync(`/proc/${running.pid}/smaps`, 'utf8');
      const from = smaps.slice(smaps.indexOf(`\n${arena}`) + 1).split(/\n(?=[0-9a-f]+-)/)[0] ?? '';
      return Object.fromEntries(
        [...from.matchAll(/^(\w+): +(\d+) kB$/gm)].map(([, key, value]) => [key, Number(value)]),
      );
    } finally {
      running.kill('SIGKILL');
      await ended;
    }
  }

  test('are those that commands use, in the page cache except for the few that are written to', async () => {
    const found = await arenaOf();
    expect(found['Size']).toBeGreaterThan(1000);
    // 1216 of 4288 at the time of writing, where a folio of the page cache has up to a megabyte. Blocks that no
    // command uses are not mapped.
    expect(found['Rss']).toBeLessThan((found['Size'] ?? 0) / 2);
    expect(found['Rss']).toBeGreaterThan(100);
    // 36 at the time of writing.
    expect(found['Private_Dirty']).toBeLessThan(100);
  });
});

// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { main } from '../../../src/cli/main.ts';
import type { Binding } from '../../../src/host/binding.d.ts';
import { type RecordedCommand, rehearse } from '../../../src/standalone/rehearsal.ts';

const file = join(import.meta.dirname, '../../../src/standalone/rehearsal.json');
const recording = JSON.parse(readFileSync(file, 'utf8')) as RecordedCommand[];

describe('the recorded commands', () => {
  it.each(recording.map(command => [command.argv.slice(1).join(' '), command] as const))(
    'make the recorded calls (npm run rehearse records them again): %s',
    (_, command) => {
      const { argv, status } = command;
      expect(rehearse([command], main)).toEqual([{ argv, status, unused: [] }]);
    },
  );
});

describe('a rehearsal', () => {
  const command = (calls: RecordedCommand['calls']): RecordedCommand => ({
    argv: ['tsubo', 'x'],
    status: 0,
    calls,
  });

  it('ends a command at the first call that was not recorded', () => {
    const calls = { getcwd: [{ value: '/' }] };
    const start = (binding: Binding): number => {
      binding.getcwd();
      binding.getcwd();
      return 0;
    };
    expect(rehearse([command(calls)], start)).toEqual([
      { argv: ['tsubo', 'x'], status: -1, missing: 'getcwd', unused: [] },
    ]);
  });

  it('reports recorded calls that a command does not make', () => {
    expect(rehearse([command({ getcwd: [{ value: '/' }] })], () => 0)).toEqual([
      { argv: ['tsubo', 'x'], status: 0, unused: ['getcwd'] },
    ]);
  });

  it('gives each call its recorded result or error', () => {
    const seen: unknown[] = [];
    const start = (binding: Binding): number => {
      seen.push(
        binding.argv(),
        binding.now(),
        binding.readStart('/', 1),
        binding.stat('/'),
        binding.stat('/'),
      );
      try {
        binding.mkdir('/', 0);
      } catch (error) {
        seen.push({ ...(error as object) });
      }
      return 3;
    };
    const size = { record: { size: 4, list: [{ bigint: '5' }] } };
    const [ended] = rehearse(
      [
        command({
          now: [{ value: { bigint: '12' } }],
          readStart: [{ value: { bytes: [1, 2] } }],
          stat: [{ value: size }, {}],
          mkdir: [{ error: { message: 'mkdir failed', syscall: 'mkdir', errno: 17 } }],
        }),
      ],
      start,
    );
    expect(ended).toEqual({ argv: ['tsubo', 'x'], status: 3, unused: [] });
    expect(seen).toEqual([
      ['tsubo', 'x'],
      12n,
      new Uint8Array([1, 2]),
      { size: 4, list: [5n] },
      undefined,
      { syscall: 'mkdir', errno: 17 },
    ]);
  });
});

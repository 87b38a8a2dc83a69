// SPDX-License-Identifier: Apache-2.0
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Bundle } from '../helpers/bundle.ts';
import { requires } from '../helpers/requires.ts';
import { commands } from '../helpers/runtime.ts';
import { sandbox } from '../helpers/sandbox.ts';

describe.skipIf(requires('standalone', 'root', 'busybox'))('the standalone executable', () => {
  const box = sandbox('unified', { name: 'tsubo', version: '', command: commands.standalone });

  describe('with its standard descriptors closed', () => {
    const closed = (...args: string[]) =>
      box.view.exec(['/bin/sh', '-c', 'exec "$@" <&- >&- 2>&-', 'sh', ...box.command(...args)]);

    test('creates, starts and deletes a container', () => {
      const bundle = box.bundle(made => made.shell('echo out; echo err >&2; sleep 1000'));
      for (const command of ['create', 'start', 'delete']) {
        const options = { create: ['--bundle', bundle.dir], start: [], delete: ['--force'] }[command] ?? [];
        expect(closed(command, ...options, bundle.id)).toMatchObject({ status: 0, signal: null });
        if (command === 'start') expect(box.state(bundle.id).status).toBe('running');
      }
    });

    test('returns the exit status of the program, and writes no output into its files', () => {
      const bundle = box.bundle(made => made.shell('echo out; echo err >&2; exit 7'));
      const text = readFileSync(join(bundle.dir, 'config.json'), 'utf8');
      expect(closed('run', '--bundle', bundle.dir, bundle.id).status).toBe(7);
      expect(closed('state', 'nope').status).toBe(1);
      expect(readFileSync(join(bundle.dir, 'config.json'), 'utf8')).toBe(text);
    });
  });

  describe('refuses a config.json', () => {
    const refused = (text: string) => {
      const bundle = box.bundle();
      writeFileSync(join(bundle.dir, 'config.json'), text);
      return box.refuses(bundle).record;
    };
    const deep = 200_000;

    test('of 200,000 nested arrays', () => {
      expect(refused('['.repeat(deep) + ']'.repeat(deep)).code).toBe('bundle.config-syntax');
      expect(refused('['.repeat(deep)).code).toBe('bundle.config-syntax');
    });

    test('of 200,000 nested objects', () => {
      const text = `${'{"annotations":'.repeat(deep)}{}${'}'.repeat(deep)}`;
      expect(refused(text).code).toBe('bundle.config-syntax');
    });

    test('of 16 MiB of numbers, all invalid', () => {
      const numbers = '1,'.repeat((16 << 20) / 2 - 20);
      const { code, pointer } = refused(`{"ociVersion":"1.0.0","mounts":[${numbers}1]}`.slice(0, 16 << 20));
      expect([code, pointer]).toEqual(['config.type', '/mounts/0']);
    });
  });

  test('accepts a config.json of nearly 16 MiB', () => {
    const bundle = box.bundle(made => {
      made.config.annotations = { 'com.example.big': 'a'.repeat(15 << 20) };
      made.shell('exit 3');
    });
    expect(box.run(bundle).status).toBe(3);
  });

  describe('without enough memory at any point of create', () => {
    /** Creates under rising limits: create first fails with an error, then succeeds, and never leaves traces. */
    const createUnder = (bundle: Bundle, limits: { from: number; to: number; step: number }) => {
      const before = box.traces();
      const counts = { tooSmall: 0, refused: 0, created: 0 };
      for (let kib = limits.from; kib < limits.to; kib += limits.step) {
        const output = box.fresh('output');
        const create = [
          'prlimit',
          `--as=${kib << 10}`,
          ...box.command('create', '--bundle', bundle.dir, bundle.id),
        ];
        const script = 'out=$1; shift; exec "$@" >"$out" 2>&1';
        const { status, signal } = box.view.exec(['/bin/sh', '-c', script, 'sh', output, ...create]);
        const printed = readFileSync(output, 'utf8');
        if (status === 0) {
          counts.created += 1;
          box.must(['delete', '--force', bundle.id]);
        } else if (status === 1 && signal === null) {
          counts.refused += 1;
          expect(printed, `${kib} KiB`).toMatch(/out of memory|cannot allocate memory/);
        } else {
          // The kernel or the C library failed before the first line of the program. This must not recur once it
          // reported an error.
          expect({ kib, printed, before: counts.refused }).toEqual({ kib, printed, before: 0 });
          counts.tooSmall += 1;
        }
        expect({ kib, ...box.traces() }).toEqual({ kib, ...before });
      }
      return counts;
    };

    test('reports an error and leaves no traces', () => {
      // The executable is mapped as a whole, including its snapshot of the heap: the rest of the limit counts.
      const mapped = statSync(commands.standalone[0]).size >> 10;
      const { refused, created } = createUnder(box.bundle(), {
        from: mapped - 800,
        to: mapped + 1100,
        step: 10,
      });
      expect(refused).toBeGreaterThan(5);
      expect(created).toBeGreaterThan(10);
    });

    test('reports an error for a large config', () => {
      const bundle = box.bundle(made => {
        made.config.annotations = { 'com.example.big': 'a'.repeat(14 << 20) };
      });
      const { refused, created } = createUnder(bundle, { from: 8_000, to: 160_000, step: 8_000 });
      expect(refused).toBeGreaterThan(5);
      expect(created).toBeGreaterThan(3);
    });
  });
});

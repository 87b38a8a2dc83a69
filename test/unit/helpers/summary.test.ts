// SPDX-License-Identifier: Apache-2.0
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { render } from '../../helpers/summary.ts';

const summary = (reasons: Record<string, string[]>, ...failures: string[]) => ({
  passed: 5,
  failed: 1,
  skipped: Object.values(reasons).flat().length,
  failures,
  reasons,
});

describe('the summary of a run', () => {
  test('has one line for each reason, the most frequent first, without test names', () => {
    const reasons = { 'no runc': ['a'], 'systemd is not the first process here': ['b', 'c'] };
    expect(render(summary(reasons), false).split('\n')).toEqual([
      'skipped 2: systemd is not the first process here',
      'skipped 1: no runc',
      'the names of the skipped tests: build/skipped.txt',
      '5 passed, 1 failed, 3 skipped',
    ]);
  });

  test('lists the tests on request', () => {
    expect(render(summary({ 'no runc': ['a', 'b'] }), true).split('\n')).toEqual([
      'skipped 2: no runc',
      '  a',
      '  b',
      '5 passed, 1 failed, 2 skipped',
    ]);
  });

  test('counts a test once, for the first missing requirement', () => {
    const reasons = { 'no runc, no jq': ['a'], 'no runc or no crun': ['b'], 'no runc': ['c'] };
    expect(render(summary(reasons), false)).toContain('skipped 3: no runc\n');
  });

  test('treats all controllers of cgroups as one reason', () => {
    const reasons = {
      'no cgroup2 controller memory, no cgroup2 controller cpu': ['a'],
      'no cgroup2 controller pids or no cgroup2 controller cpu': ['b'],
    };
    expect(render(summary(reasons), false).split('\n')[0]).toBe(
      'skipped 2: no such cgroup2 controller here (npm run test:vm has them): cpu, memory, pids',
    );
  });

  test('has less than ten lines for any number of reasons', () => {
    const reasons = Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`reason ${i}`, ['a', 'b']]));
    const lines = render(summary(reasons), false).split('\n');
    expect(lines).toHaveLength(10);
    expect(lines[7]).toBe('skipped 66: 33 other reasons');
    expect(lines[9]).toBe('5 passed, 1 failed, 80 skipped');
  });

  test('contains only failures and counts if no test was skipped', () => {
    expect(render(summary({}, 'a.test.ts: is wrong'), false)).toBe(
      'failed: a.test.ts: is wrong\n5 passed, 1 failed, 0 skipped',
    );
  });
});

const checkout = fileURLToPath(new URL('../../..', import.meta.url));

/** The last lines of a vitest run of a test file with the reporter. */
function reported(file: string, ...more: string[]): { status: number | null; lines: string[] } {
  mkdirSync(join(checkout, 'build'), { recursive: true });
  // Below the checkout, where its packages are found.
  const directory = mkdtempSync(join(checkout, 'build/summary-'));
  try {
    writeFileSync(join(directory, 'a.test.mjs'), `import { describe, test } from 'vitest';\n${file}`);
    const settings = { test: { reporters: [join(checkout, 'test/helpers/summary.ts')] } };
    writeFileSync(join(directory, 'vitest.config.mjs'), `export default ${JSON.stringify(settings)};\n`);
    const program = join(checkout, 'node_modules/vitest/vitest.mjs');
    const args = [program, 'run', '--root', directory, ...more];
    const { status, stdout, stderr } = spawnSync(process.execPath, args, {
      cwd: directory,
      encoding: 'utf8',
    });
    return { status, lines: `${stderr}${stdout}`.trim().split('\n') };
  } finally {
    rmSync(directory, { recursive: true });
  }
}

describe('a run of vitest', () => {
  test('counts a skipped suite within a skipped suite as skipped', () => {
    const { status, lines } = reported(`
      test('runs', () => {});
      describe.skipIf(true)('outer', () => {
        describe.skipIf(true)('inner', () => {
          test('one', () => {});
          test.skipIf(false)('two', () => {});
        });
        test('three', () => {});
      });`);
    expect(lines.at(-1)).toBe('1 passed, 0 failed, 3 skipped');
    expect(status).toBe(1);
    expect(lines).toContain('3 skipped without a reason');
  });

  test('ends with the names of failed tests, suites with a failed hook, and files that cannot be loaded', () => {
    const { status, lines } = reported(`
      import { beforeAll } from 'vitest';
      test('one', () => { throw new Error('wrong'); });
      describe('outer', () => {
        beforeAll(() => { throw new Error('no machine'); });
        test('two', () => {});
      });`);
    expect(lines.slice(-3)).toEqual([
      'failed: a.test.mjs: outer: a hook',
      'failed: a.test.mjs: one',
      '0 passed, 2 failed, 1 skipped',
    ]);
    expect(status).toBe(1);
    expect(reported("throw new Error('no');").lines.slice(-2)).toEqual([
      'failed: a.test.mjs: the file',
      '0 passed, 1 failed, 0 skipped',
    ]);
  });

  test('succeeds if tests were selected by name, and fails if none has the name', () => {
    const file = "test('one', () => {}); test('two', () => {});";
    const one = reported(file, '-t', 'one');
    expect(one.lines.at(-1)).toBe('1 passed, 0 failed, 1 skipped');
    expect(one.status).toBe(0);
    const none = reported(file, '-t', 'three');
    expect(none.lines).toContain('no test ran');
    expect(none.status).toBe(1);
  });
});

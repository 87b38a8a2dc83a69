// SPDX-License-Identifier: Apache-2.0
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { changed, findEngine } from '../../native/build/quickjs.mjs';
import { requires } from '../helpers/requires.ts';
import { checkout } from '../package/tarball.ts';

const minute = 60_000;

interface BuiltWith {
  readonly engine: { readonly version: string; readonly pinned: boolean };
  readonly musl: { readonly version?: string };
}

/** The versions that the executable in a directory was built with. */
function builtWith(directory: string): BuiltWith {
  return JSON.parse(readFileSync(join(directory, process.arch, 'built-with.json'), 'utf8')) as BuiltWith;
}

/** Replacements that turn the main source of the engine into another version. */
const replacements = [
  // The build replaces these two.
  ['#define JS_REF_COUNT(p) (js_rc(p)->ref_count)', '#define JS_REF_COUNT(p) ((js_rc(p))->ref_count)'],
  ['#define JS_ARENA_SIZE              4096', '#define JS_ARENA_SIZE              8192'],
  // native/standalone/settle.h uses this field.
  [/\barena_state\b/g, 'arena_pool'],
] as const;

describe.skipIf(requires('standalone', 'g++'))('the pinned engine', () => {
  test('is in the executable, in continuous integration', context => {
    const { engine, musl } = builtWith(join(checkout, 'build/standalone'));
    const known = engine.pinned && musl.version !== undefined;
    const versions = `QuickJS-NG ${engine.version}${engine.pinned ? '' : ' (not pinned)'}, musl ${musl.version ?? 'not tested'}`;
    context.skip(!known && !process.env['CI'], `built with ${versions}, outside continuous integration`);
    expect({ known, versions }).toEqual({ known: true, versions });
  });

  test('contains each text that the build replaces exactly once', async () => {
    const { directory, pinned } = await findEngine();
    expect(pinned).toBe(true);
    const text = readFileSync(join(directory, 'quickjs.c'), 'utf8');
    expect(changed(text)).toContain('#define JS_ARENA_SIZE 1024');
    for (const [from] of replacements.slice(0, 2)) {
      expect(() => changed(text.replace(from, ''))).toThrow(/contains it 0 times: #define/);
      expect(() => changed(`${text}\n${String(from)}\n`)).toThrow(/contains it 2 times: #define/);
    }
  });
});

describe.skipIf(requires('standalone', 'g++', 'root', 'busybox'))('with an engine of another version', () => {
  const directory = mkdtempSync(join(tmpdir(), 'tsubo-engine-'));
  const sources = join(directory, 'quickjs');
  const into = 'build/other-engine';
  const program = join(checkout, into, process.arch, 'tsubo');
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  const build = (env: NodeJS.ProcessEnv) =>
    spawnSync(process.execPath, [join(checkout, 'native/build/standalone.mjs'), '--into', into], {
      env: { ...process.env, CI: '', TSUBO_QUICKJS_DIR: sources, ...env },
      encoding: 'utf8',
    });

  let built: ReturnType<typeof build>;
  beforeAll(async () => {
    const { directory: original } = await findEngine();
    cpSync(original, sources, { recursive: true });
    const main = join(sources, 'quickjs.c');
    const text = readFileSync(main, 'utf8');
    const other = replacements.reduce((before, [from, to]) => {
      const after = before.replace(from, to);
      expect(after).not.toBe(before);
      return after;
    }, text);
    writeFileSync(main, other);
    const header = join(sources, 'quickjs.h');
    writeFileSync(header, readFileSync(header, 'utf8').replace(/(QJS_VERSION_MINOR) \d+/, '$1 99'));
    built = build({});
  }, 10 * minute);

  test('the build omits its changes, succeeds, and ends with a line that reports it', () => {
    expect(built.status, built.stderr).toBe(0);
    expect(built.stderr.trimEnd().split('\n').at(-1)).toMatch(
      /^tsubo: QuickJS-NG 0\.99\.0 \([0-9a-f]{12}\) is not the pinned version, \d+\.\d+\.\d+: the executable is correct and starts slower \(native\/standalone\/README\.md\)$/,
    );
    expect(builtWith(join(checkout, into)).engine).toMatchObject({ version: '0.99.0', pinned: false });
    // Without a snapshot, although this machine could make one.
    expect(readFileSync(program).equals(readFileSync(`${program}-bytecode`))).toBe(true);
  });

  test('the next build is the same, including its last line', () => {
    const again = build({});
    expect(again.status).toBe(0);
    expect(again.stderr.split('\n').filter(line => line !== '')).toHaveLength(1);
  });

  test('the build with an incompatible interface fails, and names the version', () => {
    const header = join(sources, 'quickjs.h');
    const text = readFileSync(header, 'utf8');
    writeFileSync(header, `#error another interface\n${text}`);
    try {
      const refused = build({});
      expect(refused.status).toBe(1);
      expect(refused.stderr).toMatch(
        /is not the pinned version, \d+\.\d+\.\d+, and the build with it failed\n$/,
      );
    } finally {
      writeFileSync(header, text);
    }
  });

  test(
    'the executable passes the tests of run, exec, lifecycle and all fixtures',
    () => {
      const summary = join(directory, 'summary.json');
      const files = ['run', 'exec', 'lifecycle', 'fixtures'].map(name => `test/oci/${name}.test.ts`);
      const vitest = join(checkout, 'node_modules/vitest/vitest.mjs');
      const done = spawnSync(process.execPath, [vitest, 'run', '--project', 'oci', ...files], {
        cwd: checkout,
        env: { ...process.env, TSUBO_RUNTIME: program, TSUBO_HOST: '', TSUBO_TEST_SUMMARY: summary },
        encoding: 'utf8',
      });
      const counts = JSON.parse(readFileSync(summary, 'utf8')) as { passed: number; failed: number };
      expect(counts, done.stdout.slice(-4000)).toMatchObject({ failed: 0 });
      expect(counts.passed).toBeGreaterThan(50);
      expect(done.status).toBe(0);
    },
    20 * minute,
  );
});

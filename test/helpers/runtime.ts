// SPDX-License-Identifier: Apache-2.0
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type TestContext, TestRunner } from 'vitest';
import { findProgram } from '../../native/build/programs.mjs';

declare module '@vitest/runner' {
  interface TaskMeta {
    /** What `disagrees` has found in this test; test/security counts by it. */
    disagreements?: readonly string[];
  }
}

const repository = fileURLToPath(new URL('../..', import.meta.url));

/** The runtime under test. */
export interface Runtime {
  readonly name: string;
  /** `1.1.5`. */
  readonly version: string;
  /** The command before the arguments of the runtime. */
  readonly command: readonly string[];
}

/** The two hosts of tsubo. */
export type Host = 'node' | 'standalone';

/** TSUBO_HOST: the host under test. */
export const host: Host = process.env['TSUBO_HOST'] === 'standalone' ? 'standalone' : 'node';

/**
 * The command of each host. The standalone executable may be missing: tests that need it use `requires('standalone')`.
 */
export const commands: Readonly<Record<Host, readonly [string, ...string[]]>> = {
  node: [process.execPath, join(repository, 'dist/tsubo.cjs')],
  standalone: [standaloneFor(process.arch)],
};

/** The standalone executable for an architecture as named by Node; it may not exist. */
export function standaloneFor(arch: string): string {
  return join(repository, 'build/standalone', arch, 'tsubo');
}

/** TSUBO_RUNTIME, a name in PATH or a path (`runc`, `/usr/bin/crun`); by default tsubo on the host of TSUBO_HOST. */
export const runtime: Runtime = find(process.env['TSUBO_RUNTIME']);

export const isTsubo = runtime.name === 'tsubo';

/** An installed runc for comparison, or undefined. Its version is queried when a test needs it. */
export function installedRunc(): Runtime | undefined {
  const file = lookUp('runc');
  if (file === undefined) return undefined;
  let version: string | undefined;
  return {
    name: 'runc',
    get version() {
      version ??= versionIn(versionOutput(file));
      return version;
    },
    command: [file],
  };
}

/** True on `runc` (every version), on `runc 1.1` (every 1.1.x), on `runc 1.1.5`. */
export function runs(pattern: string, tested: Runtime = runtime): boolean {
  const [name, version = ''] = pattern.split(' ');
  return name === tested.name && (version === '' || `${tested.version}.`.startsWith(`${version}.`));
}

/**
 * Marks a difference between a runtime and tsubo or the spec. True if that runtime is under test: the test then
 * asserts the behaviour of that runtime, or skips the assertion.
 *
 * @param pattern - a runtime, in the form of `runs`
 * @param behaviour - the behaviour of that runtime, in one sentence
 * @param tested - the runtime to check; by default the runtime under test
 */
export function disagrees(pattern: string, behaviour: string, tested: Runtime = runtime): boolean {
  if (behaviour === '') throw new Error('a disagreement needs a description');
  const disagreeing = runs(pattern, tested);
  const meta = disagreeing ? TestRunner.getCurrentTest()?.meta : undefined;
  if (meta !== undefined) meta.disagreements = [...(meta.disagreements ?? []), `${pattern} ${behaviour}`];
  return disagreeing;
}

/** Skips the test on a runtime that disagrees so much that the test asserts nothing. */
export function skipWhere(context: TestContext, pattern: string, behaviour: string): void {
  context.skip(disagrees(pattern, behaviour), `${pattern} ${behaviour}`);
}

function find(wanted: string | undefined): Runtime {
  if (wanted === undefined || wanted === '' || wanted === 'tsubo') {
    const command = commands[host];
    const main = command.at(-1) ?? '';
    if (host === 'node' && !existsSync(main))
      throw new Error(`${main} does not exist: build first (npm run build), or set TSUBO_RUNTIME`);
    return { name: 'tsubo', version: '', command };
  }
  const file = lookUp(wanted);
  if (file === undefined) throw new Error(`TSUBO_RUNTIME: ${wanted} does not exist`);
  const printed = versionOutput(file);
  const name = /tsubo/i.test(printed) ? 'tsubo' : basename(file);
  return { name, version: versionIn(printed), command: [file] };
}

function versionOutput(file: string): string {
  return spawnSync(file, ['--version'], { encoding: 'utf8' }).stdout ?? '';
}

function versionIn(printed: string): string {
  return /version (\d+\.\d+\.\d+)/.exec(printed)?.[1] ?? '';
}

function lookUp(name: string): string | undefined {
  const file = findProgram(name);
  return file === undefined ? undefined : resolve(file);
}

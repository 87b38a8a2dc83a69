// SPDX-License-Identifier: Apache-2.0
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { TestContext } from 'vitest';
import { findProgram } from '../../.ci/tools.mjs';

const repository = fileURLToPath(new URL('../..', import.meta.url));

/** The runtime under test. */
export interface Runtime {
  readonly name: string;
  /** `1.1.5`. */
  readonly version: string;
  /** What to execute, before the runtime's own arguments. */
  readonly command: readonly string[];
}

/** The two programs that tsubo is. */
export type Host = 'node' | 'standalone';

/** TSUBO_HOST: which of them is under test. */
export const host: Host = process.env['TSUBO_HOST'] === 'standalone' ? 'standalone' : 'node';

/** How each is called. The standalone one may not have been built: tests that need it say `requires('standalone')`. */
export const commands: Readonly<Record<Host, readonly [string, ...string[]]>> = {
  node: [process.execPath, join(repository, 'dist/tsubo.cjs')],
  standalone: [standaloneFor(process.arch)],
};

/** The standalone executable for an architecture, as Node calls it, built here or not. */
export function standaloneFor(arch: string): string {
  return join(repository, 'build/standalone', arch, 'tsubo');
}

/** TSUBO_RUNTIME, a name in PATH or a path (`runc`, `/usr/bin/crun`), else tsubo on the host that TSUBO_HOST says. */
export const runtime: Runtime = find(process.env['TSUBO_RUNTIME']);

export const isTsubo = runtime.name === 'tsubo';

/** An installed runc, to compare with, or undefined. It is asked for its version when a test needs that. */
export function installedRunc(): Runtime | undefined {
  const file = lookUp('runc');
  if (file === undefined) return undefined;
  let version: string | undefined;
  return {
    name: 'runc',
    get version() {
      version ??= versionIn(ask(file));
      return version;
    },
    command: [file],
  };
}

/** True on `runc` (every one), on `runc 1.1` (every 1.1.x), on `runc 1.1.5`. */
export function runs(who: string, which: Runtime = runtime): boolean {
  const [name, version = ''] = who.split(' ');
  return name === which.name && (version === '' || `${which.version}.`.startsWith(`${version}.`));
}

/**
 * Names a place where a runtime does something else than tsubo and the spec. True when that runtime is the one under
 * test: the test then says what is to be seen there instead, or passes over the point.
 *
 * @param who - as for `runs`
 * @param how - what it does instead, in one sentence
 * @param which - another than the one under test, to compare with
 */
export function disagrees(who: string, how: string, which: Runtime = runtime): boolean {
  if (how === '') throw new Error('a disagreement says how');
  return runs(who, which);
}

/** Skips the test on a runtime that disagrees so much that there is nothing to be seen. */
export function skipWhere(context: TestContext, who: string, how: string): void {
  context.skip(disagrees(who, how), `${who} ${how}`);
}

function find(wanted: string | undefined): Runtime {
  if (wanted === undefined || wanted === '' || wanted === 'tsubo') {
    const command = commands[host];
    const main = command.at(-1) ?? '';
    if (host === 'node' && !existsSync(main))
      throw new Error(`${main} is not there: build first (npm run build), or set TSUBO_RUNTIME`);
    return { name: 'tsubo', version: '', command };
  }
  const file = lookUp(wanted);
  if (file === undefined) throw new Error(`TSUBO_RUNTIME: there is no ${wanted}`);
  const printed = ask(file);
  const name = /tsubo/i.test(printed) ? 'tsubo' : basename(file);
  return { name, version: versionIn(printed), command: [file] };
}

function ask(file: string): string {
  return spawnSync(file, ['--version'], { encoding: 'utf8' }).stdout ?? '';
}

function versionIn(printed: string): string {
  return /version (\d+\.\d+\.\d+)/.exec(printed)?.[1] ?? '';
}

function lookUp(name: string): string | undefined {
  const file = findProgram(name);
  return file === undefined ? undefined : resolve(file);
}

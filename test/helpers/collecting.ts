// SPDX-License-Identifier: Apache-2.0
// A setup file of vitest. While a test file is collected, vitest runs the body of every `describe`, also of a skipped
// one. A program that is started there (a compiler without its library) would fail the file instead of skipping it, so
// starting one is an error until the first hook runs.
import childProcess from 'node:child_process';
import { syncBuiltinESMExports } from 'node:module';
import { beforeAll } from 'vitest';

const names = ['exec', 'execFile', 'execFileSync', 'execSync', 'fork', 'spawn', 'spawnSync'] as const;

/** Another runtime is asked for its version before its tests are collected: they depend on it. */
const allowed = Boolean(process.env['TSUBO_RUNTIME']);

const functions = childProcess as unknown as Record<string, unknown>;
const originals = Object.fromEntries(names.map(name => [name, functions[name]]));

function replace(by: (name: string) => unknown): void {
  for (const name of names) functions[name] = by(name);
  syncBuiltinESMExports();
}

if (!allowed) {
  replace(name => (program: string) => {
    throw new Error(`${name} ${program}: no program is started while tests are collected: use beforeAll`);
  });
  beforeAll(() => replace(name => originals[name]));
}

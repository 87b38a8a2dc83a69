// SPDX-License-Identifier: Apache-2.0
// A setup file of vitest. To collect a test file, vitest runs the body of every `describe`, also of a skipped one. A
// program that starts there (a compiler without its library) would fail the file instead of skipping it. Therefore
// starting a program is an error until the first hook runs.
import childProcess from 'node:child_process';
import { syncBuiltinESMExports } from 'node:module';
import { beforeAll } from 'vitest';

const names = ['exec', 'execFile', 'execFileSync', 'execSync', 'fork', 'spawn', 'spawnSync'] as const;

/** Exception: the version of another runtime is queried during collection, because the tests depend on it. */
const allowed = Boolean(process.env['TSUBO_RUNTIME']);

const functions = childProcess as unknown as Record<string, unknown>;
const originals = Object.fromEntries(names.map(name => [name, functions[name]]));

function replace(by: (name: string) => unknown): void {
  for (const name of names) functions[name] = by(name);
  syncBuiltinESMExports();
}

if (!allowed) {
  replace(name => (program: string) => {
    throw new Error(`${name} ${program}: programs must not start during collection: use beforeAll`);
  });
  beforeAll(() => replace(name => originals[name]));
}

// SPDX-License-Identifier: Apache-2.0
// npm test [-- VITEST ARGUMENTS]: builds what is missing, then runs all or the selected tests.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from '../native/build/build.mjs';
import { withTools } from '../native/build/programs.mjs';
import { script, top } from '../native/build/stage.mjs';
import { standaloneWherePossible } from '../native/build/standalone.mjs';
import { fetchTools } from './tools.mjs';

/** Builds or fetches everything that tests need except the standalone executable. */
export async function prepareTests() {
  process.env['PATH'] = withTools();
  await build(['packages', 'native', 'bundle', 'types', 'hello']);
  await fetchTools('test');
}

/** Vitest's arguments for tests that take longer than the watchdog permits. */
export const withoutWatchdog = ['--reporter=default', '--reporter=./test/helpers/summary.ts'];

/**
 * @param {readonly string[]} args
 * @param {NodeJS.ProcessEnv} [env]
 * @returns {number} the exit status
 */
export function vitest(args, env = {}) {
  const program = join(top, 'node_modules/vitest/vitest.mjs');
  const { status } = spawnSync(process.execPath, [program, 'run', ...args], {
    cwd: top,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  return status ?? 1;
}

/**
 * The architectures of the executables to build; undefined for all. Only tests of the executables themselves run the one
 * for arm64, which an emulator builds slowly.
 *
 * @param {readonly string[]} args
 */
function architecturesFor(args) {
  const files = args.filter(word => word.startsWith('test/'));
  const ordinary = files.every(file => /^test\/(?:direct|native|oci|unit)\//.test(file));
  return files.length > 0 && ordinary ? [/** @type {'x64' | 'arm64'} */ (process.arch)] : undefined;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await script(async () => {
    const args = process.argv.slice(2);
    await prepareTests();
    await standaloneWherePossible(architecturesFor(args));
    return vitest(args);
  });
}

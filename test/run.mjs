// SPDX-License-Identifier: Apache-2.0
// npm test [-- VITEST ARGUMENTS]: builds what is missing, then runs all or the selected tests.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from '../native/build/build.mjs';
import { withTools } from '../native/build/programs.mjs';
import { Failure, say, script, top } from '../native/build/stage.mjs';
import { standaloneWherePossible } from '../native/build/standalone.mjs';
import { fetchTools } from './tools.mjs';

/**
 * @param {readonly string[]} args
 * @param {string} summary file for the counts of test/helpers/summary.ts
 * @returns {Promise<number>} vitest's exit status
 */
function vitest(args, summary) {
  return new Promise((resolve, reject) => {
    const program = join(top, 'node_modules/vitest/vitest.mjs');
    const child = spawn(process.execPath, [program, 'run', ...args], {
      cwd: top,
      env: { ...process.env, TSUBO_TEST_SUMMARY: summary },
      stdio: ['ignore', 'inherit', 'inherit'],
    });
    child.on('error', reject);
    child.on('close', code => resolve(code ?? 1));
  });
}

/**
 * Problems of a run that vitest reports as successful.
 * @param {import('./helpers/summary.ts').Summary} summary
 * @param {boolean} all whether the run has no selection
 */
function objection({ passed, failed, reasons }, all) {
  if (passed + failed === 0) return 'no test ran';
  if (failed > 0) return `${failed} failed`;
  const mute = reasons['no reason given'] ?? [];
  // vitest skips unselected tests without a reason.
  if (all && mute.length > 0) return `${mute.length} skipped without a reason`;
  return undefined;
}

await script(async () => {
  const args = process.argv.slice(2);
  process.env['PATH'] = withTools();
  await build(['packages', 'native', 'bundle', 'types', 'hello']);
  await fetchTools('test');
  await standaloneWherePossible();
  const directory = mkdtempSync(join(tmpdir(), 'tsubo-test-'));
  try {
    const file = join(directory, 'summary.json');
    const status = await vitest(args, file);
    /** @type {string} */
    let text;
    try {
      text = readFileSync(file, 'utf8');
    } catch {
      throw new Failure(`vitest ended with status ${status} before it could count the tests`);
    }
    const wrong = objection(JSON.parse(text), args.length === 0);
    if (wrong !== undefined) say(wrong);
    return status !== 0 ? status : wrong === undefined ? 0 : 1;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});

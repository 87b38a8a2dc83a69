// SPDX-License-Identifier: Apache-2.0
// npm run check: format, lint, prose, types, unit. Every step runs, also after a failed one.
//   node test/check/check.mjs [STEP...]    only these steps
//   node test/check/check.mjs --write      fixes formatting and simple lint
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from '../../native/build/build.mjs';
import { findProgram } from '../../native/build/programs.mjs';
import { Failure, filesBelow, run, say, script, top } from '../../native/build/stage.mjs';
import { fetchTools } from '../tools.mjs';
import { errorCodesPage, renderErrorCodes } from './error-codes.mjs';
import { problemsOfProse } from './prose.mjs';
import { problemsOfSources } from './sources.mjs';
import { renderVocabulary, vocabularyHeader } from './vocabulary.mjs';

/**
 * @param {string} path below node_modules
 * @param {readonly string[]} args
 */
function tool(path, ...args) {
  return run(process.execPath, [join(top, 'node_modules', path), ...args]);
}

/** @param {readonly string[]} options */
async function clangFormat(...options) {
  const named = process.env['CLANG_FORMAT'];
  if (named === undefined) await fetchTools('format');
  const program = named ?? findProgram('clang-format') ?? 'clang-format';
  const files = filesBelow(['native', 'test'], path => /\.(cc|h)$/.test(path) && !path.includes('/rootfs/'));
  await run(program, [...options, ...files]).catch(error => {
    const missing = error instanceof Failure && error.message.includes('ENOENT');
    throw missing ? new Failure(`${program} is not installed`) : error;
  });
}

/** @type {Readonly<Record<string, () => Promise<unknown>>>} */
const steps = {
  biome: () => tool('@biomejs/biome/bin/biome', 'check', '--error-on-warnings', '.'),
  'clang-format': () => clangFormat('--dry-run', '-Werror'),
  sources: async () => {
    const problems = problemsOfSources();
    if (problems.length > 0) throw new Failure(problems.join('\n'));
  },
  prose: async () => {
    const problems = problemsOfProse();
    if (problems.length > 0) throw new Failure(problems.join('\n'));
  },
  types: async () => {
    for (const project of ['.', 'tsconfig.core.json', 'tsconfig.test.json']) {
      await tool('typescript/bin/tsc', '--noEmit', '-p', project);
    }
  },
  unit: () => tool('vitest/vitest.mjs', 'run', '--project', 'unit'),
};

await script(async () => {
  const asked = process.argv.slice(2);
  await build(['packages']);
  if (asked[0] === '--write') {
    await tool('@biomejs/biome/bin/biome', 'check', '--write', '.');
    await clangFormat('-i');
    writeFileSync(join(top, errorCodesPage), renderErrorCodes());
    writeFileSync(join(top, vocabularyHeader), renderVocabulary());
    return 0;
  }
  const unknown = asked.find(name => !(name in steps));
  if (unknown !== undefined)
    throw new Failure(`unknown step ${unknown}: the steps are ${Object.keys(steps).join(', ')}`);
  let status = 0;
  for (const [name, step] of Object.entries(steps)) {
    if (asked.length > 0 && !asked.includes(name)) continue;
    try {
      await step();
      say(`${name}: good`);
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      process.stderr.write(`${error.message}\n`);
      say(`${name}: not good`);
      status = 1;
    }
  }
  return status;
});

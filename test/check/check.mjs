// SPDX-License-Identifier: Apache-2.0
// npm run check: format, lint, analysis of C++, prose, types, unit. Every step runs, also after a failed one.
//   node test/check/check.mjs [STEP...]    only these steps
//   node test/check/check.mjs --write      fixes formatting and simple lint
import { writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { build } from '../../native/build/build.mjs';
import { gypTarget } from '../../native/build/gyp.mjs';
import { findProgram } from '../../native/build/programs.mjs';
import { included } from '../../native/build/quickjs.mjs';
import { Failure, filesBelow, run, say, script, stage, top } from '../../native/build/stage.mjs';
import { nativeArch } from '../../native/build/toolchain.mjs';
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

const tidyChecks = 'test/check/clang-tidy.yaml';

/**
 * Analyses the C++ sources of the init, the keeper and the binding that have changed since they were good. The first
 * time takes 80 s of processor time, therefore clang-tidy is fetched only if the step is named.
 * @param {boolean} requested
 */
async function clangTidy(requested) {
  const named = process.env['CLANG_TIDY'];
  if (named === undefined && requested) await fetchTools('tidy');
  const program = named ?? findProgram('clang-tidy');
  if (program === undefined) {
    if (requested) throw new Failure('clang-tidy is not installed');
    say('clang-tidy is not installed: npm run check -- clang-tidy fetches it');
    return;
  }
  const version = await run(program, ['--version']);
  /** @type {Map<string, readonly string[]>} */
  const flags = new Map();
  for (const target of ['tsubo', 'tsubo-keeper', 'tsubo-reaper', 'tsubo-init']) {
    const { sources, compile } = gypTarget(target, nativeArch());
    for (const path of sources) if (!path.startsWith('native/napi/')) flags.set(path, compile);
  }
  /** @type {string[]} */
  const findings = [];
  const waiting = [...flags];
  const worker = async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const [path, compile] = next;
      const files = included(join(top, 'native'), [path.slice('native/'.length)]);
      await stage({
        name: path.replaceAll('/', '-'),
        saying: `analysing ${path} (clang-tidy)`,
        into: 'build/tidy',
        inputs: [tidyChecks, ...files.map(name => `native/${name}`)],
        outputs: [],
        also: [version, ...compile],
        make: async () => {
          await run(program, ['--quiet', `--config-file=${tidyChecks}`, path, '--', ...compile]);
        },
      }).catch(error => {
        if (!(error instanceof Failure)) throw error;
        findings.push(error.message);
      });
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, worker));
  if (findings.length > 0) throw new Failure(findings.join('\n'));
}

/** @type {Readonly<Record<string, (requested: boolean) => Promise<unknown>>>} */
const steps = {
  biome: () => tool('@biomejs/biome/bin/biome', 'check', '--error-on-warnings', '.'),
  'clang-format': () => clangFormat('--dry-run', '-Werror'),
  'clang-tidy': clangTidy,
  sources: async () => {
    const problems = problemsOfSources();
    if (problems.length > 0) throw new Failure(problems.join('\n'));
  },
  prose: async () => {
    const problems = problemsOfProse();
    if (problems.length > 0) throw new Failure(problems.join('\n'));
  },
  types: async () => {
    for (const project of ['.', 'tsconfig.core.json', 'tsconfig.page.json', 'tsconfig.test.json']) {
      await tool('typescript/bin/tsc', '--noEmit', '-p', project);
    }
  },
  unit: () => tool('vitest/vitest.mjs', 'run', '--project', 'unit'),
};

await script(async () => {
  const requested = process.argv.slice(2);
  await build(['packages']);
  if (requested[0] === '--write') {
    await tool('@biomejs/biome/bin/biome', 'check', '--write', '.');
    await clangFormat('-i');
    writeFileSync(join(top, errorCodesPage), renderErrorCodes());
    writeFileSync(join(top, vocabularyHeader), renderVocabulary());
    return 0;
  }
  const unknown = requested.find(name => !(name in steps));
  if (unknown !== undefined)
    throw new Failure(`unknown step ${unknown}: the steps are ${Object.keys(steps).join(', ')}`);
  let status = 0;
  for (const [name, step] of Object.entries(steps)) {
    if (requested.length > 0 && !requested.includes(name)) continue;
    try {
      await step(requested.includes(name));
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

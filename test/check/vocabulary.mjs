// SPDX-License-Identifier: Apache-2.0
// Generates native/wire/vocabulary.h from the steps of src/plan, so that C++ and TypeScript cannot differ.
import { createRequire } from 'node:module';
import { top } from '../../native/build/stage.mjs';

const require = createRequire(import.meta.url);

export const vocabularyHeader = 'native/wire/vocabulary.h';

/** @returns {string} the header for the table */
export function renderVocabulary() {
  /** @type {typeof import('esbuild')} */
  const esbuild = require('esbuild');
  const { outputFiles } = esbuild.buildSync({
    absWorkingDir: top,
    entryPoints: ['src/wire/steps.ts'],
    bundle: true,
    write: false,
    format: 'cjs',
    target: 'node20',
    logLevel: 'silent',
  });
  const module = { exports: {} };
  new Function('module', 'exports', outputFiles[0]?.text ?? '')(module, module.exports);
  const { vocabulary } = /** @type {typeof import('../../src/wire/steps.ts')} */ (module.exports);
  const operations = Object.entries(vocabulary);
  const fields = operations.map(([name, table]) => {
    const list = Object.entries(table).map(([field, kind]) => ` F(${kind}, ${field})`);
    return `#define TSUBO_FIELDS_${name}(F)${list.join('')}`;
  });
  const all = operations.map(([name]) => `  S(${name})`).join(' \\\n');
  return `${[
    '// SPDX-License-Identifier: Apache-2.0',
    '//',
    '// Generated from src/plan by `npm run format`: the operations of the executor and their fields, in the order of the',
    '// wire format. TSUBO_STEPS(S) expands S for each operation, TSUBO_FIELDS_op(F) expands F for each field.',
    '#pragma once',
    '',
    '// clang-format off',
    ...fields,
    '',
    `#define TSUBO_STEPS(S) \\\n${all}`,
    '// clang-format on',
  ].join('\n')}\n`;
}

// SPDX-License-Identifier: Apache-2.0
// Generates src/errors/ERROR-CODES.md from src/errors/codes.ts.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { top } from '../../native/build/stage.mjs';

const require = createRequire(import.meta.url);

export const errorCodesPage = 'src/errors/ERROR-CODES.md';

/** The subject of each family of codes, in the order of the page. */
const families = /** @type {const} */ ([
  ['usage', 'The command line'],
  ['bundle', 'The bundle directory'],
  ['cdi', 'Devices of vendors (CDI)'],
  ['checkpoint', 'Checkpoint and restore (criu)'],
  ['config', 'config.json, or another document that a command reads'],
  ['plan', 'The plan made from it'],
  ['state', 'The container and its record'],
  ['network', 'Networks of the machine'],
  ['image', 'Images'],
  ['build', 'Dockerfiles'],
  ['keeper', 'The keeper of a container of an image'],
  ['direct', 'Containers of images'],
  ['registry', 'Registries'],
  ['dashboard', 'The dashboard'],
  ['host', 'The machine, outside the container'],
  ['container', 'The inside of the container'],
  ['hook', 'Hooks'],
  ['update', 'Changed limits'],
  ['isolation', 'Weak isolation: warnings of check'],
  ['internal', 'Faults of tsubo itself'],
]);

/** @returns {string} the page for the table */
export function renderErrorCodes() {
  /** @type {typeof import('esbuild')} */
  const esbuild = require('esbuild');
  const source = readFileSync(join(top, 'src/errors/codes.ts'), 'utf8');
  const { code } = esbuild.transformSync(source, { loader: 'ts', format: 'cjs' });
  const module = { exports: {} };
  new Function('module', 'exports', code)(module, module.exports);
  const { errorCodes } = /** @type {typeof import('../../src/errors/codes.ts')} */ (module.exports);
  /** @type {Map<string, string[]>} */
  const rows = new Map(families.map(([family]) => [family, []]));
  for (const [name, [meaning, cure]] of Object.entries(errorCodes)) {
    const row = `| \`${name}\` | ${meaning} | ${cure} |`.replaceAll('<', '\\<');
    const list = rows.get(name.split('.')[0] ?? '');
    if (list === undefined) throw new Error(`no heading for the code ${name} in test/check/error-codes.mjs`);
    list.push(row);
  }
  const sections = families.map(([family, title]) =>
    [`## ${title}`, '', '| code | meaning | cure |', '| --- | --- | --- |', ...(rows.get(family) ?? [])].join(
      '\n',
    ),
  );
  const head = [
    '# Error codes',
    '',
    '<!-- Made from codes.ts by `npm run format`. -->',
    '',
    'A failure has a code: the field `code` of `--log-format json`, of `check --format json` and of the `RuntimeError` that',
    'the library throws. Codes are stable; messages are for people and may change.',
  ];
  return `${[head.join('\n'), ...sections].join('\n\n')}\n`;
}

// SPDX-License-Identifier: Apache-2.0
// Collects the licence texts of the npm package: that of tsubo and those of the code linked into its executables.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { findMusl } from './musl.mjs';
import { findEngine } from './quickjs.mjs';
import { Failure, top } from './stage.mjs';

/** Files on a machine that may contain the licence, in order of preference. */
const ownLicence = [
  '/usr/share/common-licenses/Apache-2.0',
  join(top, 'node_modules/typescript/LICENSE.txt'),
];

/**
 * The first of these files that exists.
 * @param {string} what
 * @param {readonly string[]} paths
 */
function firstText(what, paths) {
  const path = paths.find(existsSync);
  if (path === undefined) throw new Failure(`no licence text of ${what}: none of ${paths.join(', ')} exists`);
  return readFileSync(path, 'utf8').trimEnd();
}

/**
 * Paths of the text for a Debian package or a source tree: beside the sources, or in the root they were unpacked to.
 * @param {string} directory
 * @param {string} debianPackage
 */
function textsBeside(directory, debianPackage) {
  const paths = ['LICENSE', 'COPYRIGHT', 'COPYING'].map(name => join(directory, name));
  for (let root = directory; ; root = dirname(root)) {
    paths.push(join(root, 'usr/share/doc', debianPackage, 'copyright'));
    if (root === '/') return paths;
  }
}

/**
 * Writes LICENSE and THIRD-PARTY-NOTICES.
 *
 * @param {string} out the directory for both
 * @throws Failure if a text is missing: a package without it must not be made
 */
export async function writeNotices(out) {
  const bundled = join(top, 'dist/.bundled-notices');
  if (!existsSync(bundled)) throw new Failure('dist/.bundled-notices is missing: build the bundles first');
  const musl = await findMusl(/** @type {import('./toolchain.mjs').Arch} */ (process.arch));
  const engine = await findEngine();
  const linked = /** @type {const} */ ([
    ['QuickJS-NG (in the executable)', textsBeside(engine.directory, 'qjs-src')],
    ['musl (in the executable)', textsBeside(musl.lib, 'musl-dev')],
    ['node-addon-api (in the addon)', [join(top, 'node_modules/node-addon-api/LICENSE.md')]],
  ]);
  const texts = [
    readFileSync(bundled, 'utf8').trimEnd(),
    ...linked.map(([name, paths]) => `${name}\n\n${firstText(name, paths)}`),
  ];
  mkdirSync(out, { recursive: true });
  writeFileSync(join(out, 'THIRD-PARTY-NOTICES'), `${texts.join('\n\n---\n\n')}\n`);
  writeFileSync(join(out, 'LICENSE'), `${firstText('tsubo', ownLicence)}\n`);
}

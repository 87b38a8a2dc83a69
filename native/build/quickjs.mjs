// SPDX-License-Identifier: Apache-2.0
// Finds the sources of the JavaScript engine (QuickJS-NG) and changes them. They are a build dependency, not part of
// the repository.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { cache, unpackPackages } from './debian.mjs';
import { Failure, timed, top, Unavailable } from './stage.mjs';
import { digestOf, knownVersion } from './versions.mjs';

/** The sources that are compiled; the others are a library for programs and tools. */
const sources = ['quickjs.c', 'libregexp.c', 'libunicode.c', 'dtoa.c'];

/** Their directory in Debian's package qjs-src. */
const packaged = 'usr/src/quickjs-ng';

/**
 * @typedef {object} Engine
 * @property {string} directory with quickjs.c
 * @property {string} version
 * @property {string} sha256 over all files that are compiled or included
 * @property {boolean} pinned whether native/standalone/settle.h supports this version
 */

/** @returns {Promise<Engine>} */
export async function findEngine() {
  const directory = await findDirectory();
  const sha256 = digestOf([directory, included(directory, sources)]);
  const header = readFileSync(join(directory, 'quickjs.h'), 'utf8');
  const [major, minor, patch] = ['MAJOR', 'MINOR', 'PATCH'].map(
    part => new RegExp(`^#define QJS_VERSION_${part} (\\d+)$`, 'm').exec(header)?.[1] ?? '?',
  );
  const version = `${major}.${minor}.${patch}`;
  const pinned = knownVersion('quickjs-ng', 'sources', sha256) === version;
  return { directory, version, sha256, pinned };
}

/**
 * The files and all that they include from their own directory, each once.
 * @param {string} directory
 * @param {readonly string[]} names
 */
export function included(directory, names) {
  const found = new Set(names);
  // The list grows during the loop.
  for (const name of found) {
    const text = readFileSync(join(directory, name), 'utf8');
    for (const [, other = ''] of text.matchAll(/^[ \t]*#[ \t]*include[ \t]+"([^"]+)"/gm)) {
      if (existsSync(join(directory, other))) found.add(other);
    }
  }
  return [...found].sort();
}

/** @param {string} directory */
function complete(directory) {
  return [...sources, 'quickjs.h'].every(name => existsSync(join(directory, name)));
}

/** TSUBO_QUICKJS_DIR, otherwise an installed qjs-src, otherwise that package from a Debian mirror, downloaded once. */
async function findDirectory() {
  const given = process.env['TSUBO_QUICKJS_DIR'];
  if (given !== undefined && given !== '') {
    if (!complete(given)) throw new Failure(`TSUBO_QUICKJS_DIR: no sources of QuickJS-NG in ${given}`);
    return resolve(given);
  }
  if (complete(`/${packaged}`)) return `/${packaged}`;
  const downloaded = join(cache, 'quickjs');
  const directory = join(downloaded, packaged);
  if (complete(directory)) return directory;
  mkdirSync(cache, { recursive: true });
  try {
    // The package is the same for all architectures and suites, and only the newest suites contain it.
    await timed('fetching the sources of QuickJS-NG (Debian package qjs-src)', () =>
      unpackPackages({ packages: ['qjs-src'], suites: ['sid', 'testing'], into: downloaded }),
    );
    if (!complete(directory)) throw new Failure(`the package has no ${packaged}`);
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    throw new Unavailable(`${error.message}\n${instructions}`);
  }
  return directory;
}

const instructions = `
The standalone executable needs the C sources of QuickJS-NG, which are not installed and cannot be downloaded here.
One of these helps:
  - install Debian's package qjs-src (it has no dependencies: take the .deb of any suite that has it)
  - unpack a release of QuickJS-NG and set TSUBO_QUICKJS_DIR to the directory with quickjs.c
Without it everything but the standalone executable can be built: npm run build`;

/** The changes to quickjs.c. Each text occurs in it exactly once. */
const changes = /** @type {const} */ ([
  // The engine accesses reference counts only here.
  ['#define JS_REF_COUNT(p) (js_rc(p)->ref_count)', '#include "standalone/immortal.h"'],
  // Other values are constants for sanitizers.
  ['#define JS_ARENA_LARGE_BLOCKS_ONLY 0', '#define JS_ARENA_LARGE_BLOCKS_ONLY tsubo_large_blocks_only'],
  // The engine allocates small blocks from pieces of this size, one piece for each of 31 block sizes. A short command
  // needs a few blocks of most sizes: with pieces of one page it would use eight pages more.
  ['#define JS_ARENA_SIZE              4096', '#define JS_ARENA_SIZE 1024'],
]);

/**
 * Returns the sources to compile. Those of the pinned version are changed as native/standalone/README.md describes; those
 * of any other version are not, because only their public interface is stable.
 *
 * @param {Engine} engine
 * @param {string} into directory for a changed source
 * @returns {string[]}
 */
export function engineSources({ directory, pinned }, into) {
  const [main = '', ...others] = sources.map(name => join(directory, name));
  if (!pinned) return [main, ...others];
  const path = join(into, 'quickjs.c');
  mkdirSync(join(top, into), { recursive: true });
  writeFileSync(join(top, path), changed(readFileSync(main, 'utf8')));
  return [path, ...others];
}

/**
 * quickjs.c with the changes.
 * @param {string} original
 * @throws Failure if a text does not occur exactly once: the pinned version then needs new changes
 */
export function changed(original) {
  let text = original;
  for (const [from, to] of changes) {
    const times = text.split(from).length - 1;
    if (times !== 1)
      throw new Failure(`quickjs.c must contain a text once and contains it ${times} times: ${from}`);
    text = text.replace(from, to);
  }
  return `${text}\n#include "standalone/settle.h"\n`;
}

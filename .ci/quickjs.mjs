// SPDX-License-Identifier: Apache-2.0
// Where the sources of the JavaScript engine (QuickJS-NG) come from, and what is changed in them. They are a build
// dependency, not part of the repository.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { cache, unpackPackages } from './debian.mjs';
import { Failure, timed, top, Unavailable } from './stage.mjs';
import { digestOf, knownVersion } from './versions.mjs';

/** The sources that are compiled; the others are a library for programs and tools. */
const sources = ['quickjs.c', 'libregexp.c', 'libunicode.c', 'dtoa.c'];

/** Where Debian's package qjs-src puts them. */
const packaged = 'usr/src/quickjs-ng';

/**
 * @typedef {object} Engine
 * @property {string} directory with quickjs.c
 * @property {string} version
 * @property {string} sha256 over all files that are compiled or included
 * @property {readonly string[]} files these files
 * @property {boolean} pinned this is the version that native/standalone/settle.h is written for
 */

/** @returns {Promise<Engine>} */
export async function findEngine() {
  const directory = await findDirectory();
  const files = included(directory, sources);
  const sha256 = digestOf([directory, files]);
  const header = readFileSync(join(directory, 'quickjs.h'), 'utf8');
  const [major, minor, patch] = ['MAJOR', 'MINOR', 'PATCH'].map(
    part => new RegExp(`^#define QJS_VERSION_${part} (\\d+)$`, 'm').exec(header)?.[1] ?? '?',
  );
  const version = `${major}.${minor}.${patch}`;
  const pinned = knownVersion('quickjs-ng', 'sources', sha256) === version;
  return { directory, version, sha256, files, pinned };
}

/**
 * The files and all that they include from their own directory, each once.
 * @param {string} directory
 * @param {readonly string[]} names
 */
function included(directory, names) {
  const found = new Set(names);
  // grows while it is walked
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

/** TSUBO_QUICKJS_DIR, else an installed qjs-src, else that package from a Debian mirror, downloaded once. */
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
    // The package is one for all architectures and suites, and only the newest suites have it.
    await timed('fetching the sources of QuickJS-NG (Debian package qjs-src)', () =>
      unpackPackages({ packages: ['qjs-src'], suites: ['sid', 'testing'], into: downloaded }),
    );
    if (!complete(directory)) throw new Failure(`the package has no ${packaged}`);
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    throw new Unavailable(`${error.message}\n${whatToDo}`);
  }
  return directory;
}

const whatToDo = `
The standalone executable needs the C sources of QuickJS-NG, and there is no way to them here. One of these helps:
  - install Debian's package qjs-src (it has no dependencies: take the .deb of any suite that has it)
  - unpack a release of QuickJS-NG and set TSUBO_QUICKJS_DIR to the directory with quickjs.c
Without it everything but the standalone executable can be built: npm run build`;

/** The changes to quickjs.c. Each text is in it exactly once. */
const changes = /** @type {const} */ ([
  // the only way in which the engine accesses a reference count
  ['#define JS_REF_COUNT(p) (js_rc(p)->ref_count)', '#include "standalone/immortal.h"'],
  // The engine cuts small blocks from pieces of this size, one piece for each of 31 block sizes. A short command needs
  // a few blocks of most sizes: with pieces of a page it touches eight pages more.
  ['#define JS_ARENA_SIZE              4096', '#define JS_ARENA_SIZE 1024'],
]);

/** The files that the changes put into the engine. */
export const settling = ['native/standalone/immortal.h', 'native/standalone/settle.h'];

/**
 * The sources to compile. Those of the pinned version are changed as native/standalone/README.md describes; those of any
 * other version are not, because nothing in them can be relied upon but the public interface.
 *
 * @param {Engine} engine
 * @param {string} into from the top, where a changed source is written
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
 * @throws Failure when one of the places is not there exactly once: the version was pinned without a look at them
 */
export function changed(original) {
  let text = original;
  for (const [from, to] of changes) {
    const times = text.split(from).length - 1;
    if (times !== 1) throw new Failure(`quickjs.c contains ${times} times, and not once: ${from}`);
    text = text.replace(from, to);
  }
  return `${text}\n#include "standalone/settle.h"\n`;
}

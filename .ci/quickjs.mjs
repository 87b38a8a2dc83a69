// SPDX-License-Identifier: Apache-2.0
// Where the sources of the JavaScript engine (QuickJS-NG) come from. They are a build dependency, not part of the
// repository.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { cache, unpackPackages } from './debian.mjs';
import { Failure, say, timed, top, Unavailable } from './stage.mjs';

/** What is compiled of them; the rest is a library for programs and tools of their own. */
export const quickjsSources = ['quickjs.c', 'libregexp.c', 'libunicode.c', 'dtoa.c'];

/** Where Debian's package qjs-src puts them. */
const packaged = 'usr/src/quickjs-ng';

/** @param {string} directory */
function complete(directory) {
  return [...quickjsSources, 'quickjs.h'].every(name => existsSync(join(directory, name)));
}

/**
 * TSUBO_QUICKJS_DIR, else an installed qjs-src, else that package from a Debian mirror, downloaded once.
 *
 * @returns {Promise<string>} the directory with quickjs.c
 */
export async function quickjsDirectory() {
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

/** What is changed in the engine's main source: each is there once. */
const changes = /** @type {const} */ ([
  // how it gets at a count of references
  ['#define JS_REF_COUNT(p) (js_rc(p)->ref_count)', '#include "standalone/immortal.h"'],
  // Small blocks are cut from pieces of this size, each of one of 31 sizes of blocks. A short command needs a few blocks
  // of most sizes: with pieces of a page it touches eight pages more.
  ['#define JS_ARENA_SIZE              4096', '#define JS_ARENA_SIZE 1024'],
]);

/**
 * Writes the engine's main source as it is compiled: see native/standalone/immortal.h and settle.h. An engine of another
 * version stays as it is, and a command copies more pages of the snapshot.
 *
 * @param {string} directory with quickjs.c
 * @param {string} into from the top
 * @returns {string} the path of what was written
 */
export function withImmortals(directory, into) {
  const text = readFileSync(join(directory, 'quickjs.c'), 'utf8');
  const known = changes.every(([from]) => text.split(from).length === 2);
  if (!known)
    say('this version of QuickJS-NG has not the places that are changed: the snapshot is not settled');
  const parts = known
    ? [
        changes.reduce((changed, [from, to]) => changed.replace(from, to), text),
        '#include "standalone/settle.h"',
      ]
    : [text, ...['tsubo_settle', 'tsubo_settle_large'].map(name => `void ${name}(void *p) { (void)p; }`)];
  const path = join(into, 'quickjs.c');
  mkdirSync(join(top, into), { recursive: true });
  writeFileSync(join(top, path), `${parts.join('\n')}\n`);
  return path;
}

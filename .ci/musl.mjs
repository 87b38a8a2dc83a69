// SPDX-License-Identifier: Apache-2.0
// Where the C library of the executable (musl) comes from. A build dependency, as the engine is.
import { existsSync, mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { cache, unpackPackages } from './debian.mjs';
import { Failure, timed, Unavailable } from './stage.mjs';

/** Debian's names of each architecture, and what its package musl-dev puts libc.a into. */
const places = {
  x64: { debian: 'amd64', directory: 'usr/lib/x86_64-linux-musl' },
  arm64: { debian: 'arm64', directory: 'usr/lib/aarch64-linux-musl' },
};

/** @param {string} directory */
function complete(directory) {
  return ['crt1.o', 'crti.o', 'crtn.o', 'libc.a'].every(name => existsSync(join(directory, name)));
}

/**
 * TSUBO_MUSL_DIR (of this machine's architecture), else an installed musl-dev, else that package from a Debian mirror,
 * downloaded once.
 *
 * @param {import('./toolchain.mjs').Arch} arch
 * @returns {Promise<string>} the directory with libc.a
 */
export async function muslDirectory(arch) {
  const { debian, directory } = places[arch];
  const given = process.env['TSUBO_MUSL_DIR'];
  if (given !== undefined && given !== '' && arch === process.arch) {
    if (!complete(given)) throw new Failure(`TSUBO_MUSL_DIR: no musl libc.a and crt1.o in ${given}`);
    return resolve(given);
  }
  if (complete(`/${directory}`)) return `/${directory}`;
  const downloaded = join(cache, `musl-${debian}`);
  const found = join(downloaded, directory);
  if (complete(found)) return found;
  mkdirSync(cache, { recursive: true });
  try {
    await timed(`fetching the C library musl (Debian package musl-dev, ${debian})`, () =>
      unpackPackages({ packages: ['musl-dev'], architecture: debian, into: downloaded }),
    );
    if (!complete(found)) throw new Failure(`the package has no ${directory}/libc.a`);
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    throw new Unavailable(`${error.message}\n${whatToDo}`);
  }
  return found;
}

const whatToDo = `
The standalone executable is linked with the C library musl, and there is no way to it here. One of these helps:
  - install Debian's package musl-dev
  - unpack or build musl 1.2 and set TSUBO_MUSL_DIR to the directory with libc.a and crt1.o
Without it everything but the standalone executable can be built: npm run build`;

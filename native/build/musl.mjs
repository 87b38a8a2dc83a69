// SPDX-License-Identifier: Apache-2.0
// Finds the C library of the executable (musl). It is a build dependency, like the engine.
import { existsSync, mkdirSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { cache, unpackPackages } from './debian.mjs';
import { Failure, run, timed, top, Unavailable } from './stage.mjs';
import { digestOf, knownVersion } from './versions.mjs';

/** Debian's name of each architecture, and of the directories in its package musl-dev. */
const debianNames = {
  x64: { debian: 'amd64', triplet: 'x86_64-linux-musl' },
  arm64: { debian: 'arm64', triplet: 'aarch64-linux-musl' },
};

const libraries = ['crt1.o', 'crti.o', 'crtn.o', 'libc.a'];

/**
 * @typedef {object} Musl
 * @property {string} lib directory of libc.a
 * @property {string} include directory of its headers
 * @property {string} sha256 over these files
 * @property {string | undefined} version undefined if the tree has not been tested with it
 */

/**
 * @param {import('./toolchain.mjs').Arch} arch
 * @returns {Promise<Musl>}
 */
export async function findMusl(arch) {
  const { lib, include } = await findDirectories(arch);
  const headers = readdirSync(include, { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile())
    .map(entry => relative(include, join(entry.parentPath, entry.name)))
    .sort();
  const sha256 = digestOf([lib, libraries], [include, headers]);
  return { lib, include, sha256, version: knownVersion('musl', arch, sha256) };
}

/**
 * The directories of an installation of musl, or undefined if it is incomplete.
 * @param {string} lib
 * @param {readonly string[]} includes candidates for the directory of its headers
 */
function installation(lib, includes) {
  const include = includes.find(directory => existsSync(join(directory, 'stdio.h')));
  const complete = libraries.every(name => existsSync(join(lib, name)));
  return complete && include !== undefined ? { lib, include } : undefined;
}

/**
 * TSUBO_MUSL_DIR (for the architecture of this machine), otherwise an installed musl-dev, otherwise that package from a
 * Debian mirror, downloaded once.
 *
 * @param {import('./toolchain.mjs').Arch} arch
 */
async function findDirectories(arch) {
  const { debian, triplet } = debianNames[arch];
  /** @param {string} root */
  const packaged = root => installation(`${root}/usr/lib/${triplet}`, [`${root}/usr/include/${triplet}`]);
  const given = process.env['TSUBO_MUSL_DIR'];
  if (given !== undefined && given !== '' && arch === process.arch) {
    const lib = resolve(given);
    const found = installation(lib, [join(lib, '../include'), join(lib, '../../include', triplet)]);
    if (found === undefined) {
      throw new Failure(
        `TSUBO_MUSL_DIR: no ${libraries.join(', ')} in ${given}, or no headers in ../include`,
      );
    }
    return found;
  }
  const downloaded = join(cache, `musl-${debian}`);
  const present = packaged('') ?? packaged(downloaded);
  if (present !== undefined) return present;
  mkdirSync(cache, { recursive: true });
  try {
    await timed(`fetching the C library musl (Debian package musl-dev, ${debian})`, () =>
      unpackPackages({ packages: ['musl-dev'], architecture: debian, into: downloaded }),
    );
    const found = packaged(downloaded);
    if (found === undefined) throw new Failure(`the package has no usr/lib/${triplet}/libc.a`);
    return found;
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    throw new Unavailable(`${error.message}\n${instructions}`);
  }
}

/**
 * Flags that replace the headers of the C library by those of musl: the headers of the compiler, of its C++ library and
 * of the kernel remain.
 *
 * @param {Musl} musl
 * @param {string} compiler
 * @param {string} into directory for links to the headers of the kernel
 * @returns {Promise<string[]>}
 */
export async function muslHeaders({ include }, compiler, into) {
  const language = compiler.includes('++') ? 'c++' : 'c';
  const printed = await run(compiler, ['-E', '-x', language, '-v', '/dev/null']);
  const list = /search starts here:\n((?: .*\n)+)End of search list/.exec(printed)?.[1] ?? '';
  const directories = list.trim().split(/\n +/);
  /** @param {string} name */
  const having = name => directories.filter(directory => existsSync(join(directory, name)));
  // A directory of the C library contains both.
  const cxx = [...having('cstddef'), ...having('bits/c++config.h')];
  const own = having('stddef.h').filter(directory => !existsSync(join(directory, 'stdio.h')));
  const kernel = join(into, 'kernel-headers');
  mkdirSync(join(top, kernel), { recursive: true });
  for (const name of ['linux', 'asm', 'asm-generic']) {
    const [directory] = having(`${name}/types.h`);
    if (directory === undefined) throw new Unavailable(`${compiler} finds no ${name}/types.h`);
    rmSync(join(top, kernel, name), { force: true });
    symlinkSync(join(directory, name), join(top, kernel, name));
  }
  const system = [...cxx, include, ...own, kernel].flatMap(directory => ['-isystem', directory]);
  return ['-nostdinc', ...system, ...(language === 'c++' ? glibcNames : [])];
}

/** The C++ library is configured for glibc: this defines the two glibc names that its headers use. */
const glibcNames = ['-D__GLIBC_PREREQ(major,minor)=0', '-D__locale_t=locale_t'];

const instructions = `
The standalone executable is linked with the C library musl, which is not installed and cannot be downloaded here.
One of these helps:
  - install Debian's package musl-dev
  - install musl 1.2 and set TSUBO_MUSL_DIR to the directory with libc.a; the headers are in ../include
Without it everything but the standalone executable can be built: npm run build`;

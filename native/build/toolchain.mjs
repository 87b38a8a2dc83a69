// SPDX-License-Identifier: Apache-2.0
// The compilers for each architecture, and objects that are recompiled only after a change.
import { createHash } from 'node:crypto';
import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from 'node:fs';
import { availableParallelism } from 'node:os';
import { basename, delimiter, dirname, join, resolve } from 'node:path';
import { Failure, run, say, top } from './stage.mjs';

/** Architectures as Node names them, and the prefix of their tools. */
const prefixes = { x64: 'x86_64-linux-gnu', arm64: 'aarch64-linux-gnu' };

/** @typedef {keyof typeof prefixes} Arch */
export const architectures = /** @type {Arch[]} */ (Object.keys(prefixes));

/** The architecture of this machine. */
export function nativeArch() {
  const arch = architectures.find(name => name === process.arch);
  if (arch === undefined) throw new Failure(`tsubo is built for ${architectures.join(' and ')} only`);
  return arch;
}

/**
 * @param {Arch} arch
 * @returns {{ cc: string, cxx: string, strip: string }}
 */
export function toolchain(arch) {
  if (arch === process.arch) {
    return {
      cc: process.env['CC'] ?? 'gcc',
      cxx: process.env['CXX'] ?? 'g++',
      strip: process.env['STRIP'] ?? 'strip',
    };
  }
  const prefix = prefixes[arch];
  return { cc: `${prefix}-gcc`, cxx: `${prefix}-g++`, strip: `${prefix}-strip` };
}

/**
 * Why this machine cannot build for the architecture, or undefined.
 * @param {Arch} arch
 */
export function lacksCompiler(arch) {
  const { cxx } = toolchain(arch);
  const directories = cxx.includes('/') ? [''] : (process.env['PATH'] ?? '').split(delimiter);
  const there = directories.some(directory => {
    try {
      accessSync(join(directory, cxx), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
  if (there) return undefined;
  const debian = arch === process.arch ? 'g++' : `g++-${prefixes[arch]}`;
  return `no ${cxx} (Debian: apt-get install ${debian})`;
}

/** @type {Map<string, Promise<string>>} */
const versions = new Map();

/** @param {string} compiler */
export function versionOf(compiler) {
  let version = versions.get(compiler);
  if (version === undefined) {
    version = run(compiler, ['--version']);
    versions.set(compiler, version);
  }
  return version;
}

/** The compiler under which the sources have no warnings. */
const quietGcc = 12;

/**
 * Flags that turn warnings of the project's sources into errors. Other compilers have other warnings, which must not
 * prevent a build: they are printed, and fail in CI.
 * @param {string} compiler
 * @returns {Promise<string[]>}
 */
export async function strictness(compiler) {
  const major = Number(/\((?:Debian|GCC)[^)]*\) (\d+)\./.exec(await versionOf(compiler))?.[1]);
  return major === quietGcc || process.env['CI'] ? ['-Werror'] : [];
}

/**
 * @typedef {object} Unit
 * @property {string} source
 * @property {string} compiler
 * @property {readonly string[]} flags
 */

/**
 * Compiles what has changed: a source, any header, the compiler or its flags.
 *
 * @param {object} job
 * @param {readonly Unit[]} job.units
 * @param {readonly string[]} job.headers
 * @param {string} job.into directory of the objects
 * @returns {Promise<string[]>} the objects, in the order of the units
 */
export async function compile({ units, headers, into }) {
  const common = createHash('sha256');
  for (const path of headers) common.update(`\0${path}\0`).update(readFileSync(resolve(top, path)));
  const shared = common.digest('hex');
  const objects = units.map(({ source }) => join(into, `${basename(source).replace(/\.\w+$/, '')}.o`));
  const waiting = units.map((unit, index) => ({ unit, object: /** @type {string} */ (objects[index]) }));
  // Longest first: otherwise one processor would work alone at the end.
  const size = (/** @type {Unit} */ unit) => readFileSync(resolve(top, unit.source)).length;
  waiting.sort((one, other) => size(other.unit) - size(one.unit));
  mkdirSync(join(top, into), { recursive: true });
  const worker = async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      await compileOne(next.unit, next.object, shared);
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, worker));
  return objects;
}

/**
 * @param {Unit} unit
 * @param {string} object
 * @param {string} headers hash of them
 */
async function compileOne({ source, compiler, flags }, object, headers) {
  const key = createHash('sha256')
    .update(JSON.stringify([headers, await versionOf(compiler), compiler, flags, dirname(source)]))
    .update(readFileSync(resolve(top, source)))
    .digest('hex');
  const file = join(top, object);
  const record = `${file}.key`;
  if (existsSync(file) && existsSync(record) && readFileSync(record, 'utf8') === key) return;
  // Another build may write it at the same time.
  const fresh = `${file}.${process.pid}`;
  const warnings = await run(compiler, [...flags, '-c', source, '-o', fresh]);
  if (warnings !== '') say(`warnings in ${source}:\n${warnings}`);
  renameSync(fresh, file);
  writeFileSync(record, key);
}

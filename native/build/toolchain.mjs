// SPDX-License-Identifier: Apache-2.0
// The compilers for each architecture, and objects that are recompiled only after a change.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { basename, join, resolve } from 'node:path';
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
 * Returns the reason why this machine cannot build for the architecture, or undefined.
 * @param {Arch} arch
 */
export function lacksCompiler(arch) {
  const { cxx } = toolchain(arch);
  if (spawnSync(cxx, ['--version']).error === undefined) return undefined;
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

/** The major version of GCC that compiles the sources without warnings. */
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
 * Compiles what has changed: a source, a file that it includes, the compiler or its flags.
 *
 * @param {object} job
 * @param {readonly Unit[]} job.units
 * @param {string} job.into directory of the objects
 * @returns {Promise<string[]>} the objects, in the order of the units
 */
export async function compile({ units, into }) {
  const objects = units.map(({ source }) => join(into, `${basename(source).replace(/\.\w+$/, '')}.o`));
  const waiting = units.map((unit, index) => ({
    unit,
    object: join(top, /** @type {string} */ (objects[index])),
    size: statSync(resolve(top, unit.source)).size,
  }));
  // Largest sources first: otherwise one processor would compile the largest alone at the end.
  waiting.sort((one, other) => other.size - one.size);
  mkdirSync(join(top, into), { recursive: true });
  const worker = async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      await compileOne(next.unit, next.object);
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, worker));
  return objects;
}

/**
 * @param {Unit} unit
 * @param {string} object
 */
async function compileOne({ source, compiler, flags }, object) {
  const command = JSON.stringify([await versionOf(compiler), compiler, flags, source]);
  const [record, list] = [`${object}.key`, `${object}.d`];
  if ([object, record, list].every(existsSync) && readFileSync(record, 'utf8') === keyOf(command, list))
    return;
  // Another build may write the object at the same time.
  const fresh = `${object}.${process.pid}`;
  const warnings = await run(compiler, [...flags, '-MD', '-MF', `${fresh}.d`, '-c', source, '-o', fresh]);
  if (warnings !== '') say(`warnings in ${source}:\n${warnings}`);
  renameSync(`${fresh}.d`, list);
  renameSync(fresh, object);
  writeFileSync(record, keyOf(command, list));
}

/**
 * A hash of the command and of all files that the compiler has read for it.
 * @param {string} command
 * @param {string} list the compiler's list of them, in the syntax of make: `object: file file`
 */
function keyOf(command, list) {
  const hash = createHash('sha256').update(command);
  const files = readFileSync(list, 'utf8')
    .replaceAll('\\\n', ' ')
    .trim()
    .split(/(?<!\\)\s+/)
    .slice(1);
  for (const file of files) hash.update(`\0${file}\0${hashOf(resolve(top, file.replaceAll('\\ ', ' ')))}`);
  return hash.digest('hex');
}

/** @type {Map<string, string>} */
const systemHashes = new Map();

/** @param {string} path */
function hashOf(path) {
  const known = systemHashes.get(path);
  if (known !== undefined) return known;
  const hash = existsSync(path) ? createHash('sha256').update(readFileSync(path)).digest('hex') : 'missing';
  // Many units include the same files of the system, which do not change during a build.
  if (!path.startsWith(`${top}/`)) systemHashes.set(path, hash);
  return hash;
}

// SPDX-License-Identifier: Apache-2.0
// A small make: a stage runs if its inputs have changed, and prints its progress.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The checkout. */
export const top = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/** @param {string} text */
export function say(text) {
  process.stderr.write(`tsubo: ${text}\n`);
}

/** A failure whose message is printed without a stack. */
export class Failure extends Error {}

/** Something that cannot be built on this machine; independent stages continue without it. */
export class Unavailable extends Failure {}

/**
 * Every file below the given files and directories (paths from the top), sorted; missing ones are skipped.
 * @param {readonly string[]} roots
 * @param {(path: string) => boolean} [wanted]
 * @returns {string[]}
 */
export function filesBelow(roots, wanted = () => true) {
  /** @type {string[]} */
  const found = [];
  /** @param {string} path */
  const walk = path => {
    const full = join(top, path);
    if (!existsSync(full)) return;
    if (!statSync(full).isDirectory()) {
      if (wanted(path)) found.push(path);
      return;
    }
    for (const name of readdirSync(full)) walk(`${path}/${name}`);
  };
  for (const root of roots) walk(root);
  return found.sort();
}

/**
 * Runs `make` unless `outputs` exist and the last run had the same `inputs` (compared by content, because a checkout
 * or a touch must not matter) and the same `also`.
 *
 * @param {object} stage
 * @param {string} stage.name one word; the record is `<into>/.<name>.stamp`
 * @param {string} stage.saying text of the progress line
 * @param {string} stage.into directory of the outputs and the record, from the top
 * @param {readonly string[]} stage.inputs
 * @param {readonly string[]} stage.outputs
 * @param {readonly string[]} [stage.also] versions and options that count as inputs
 * @param {() => Promise<void>} stage.make
 */
export async function stage({ name, saying, into, inputs, outputs, also = [], make }) {
  const hash = createHash('sha256').update(JSON.stringify(also));
  for (const input of inputs) hash.update(`\0${input}\0`).update(readFileSync(join(top, input)));
  const wanted = hash.digest('hex');
  const stamp = join(top, into, `.${name}.stamp`);
  const fresh = existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted;
  if (fresh && outputs.every(output => existsSync(join(top, output)))) return;

  await timed(saying, make);
  for (const output of outputs) {
    if (!existsSync(join(top, output))) throw new Failure(`${name}: the build made no ${output}`);
  }
  mkdirSync(dirname(stamp), { recursive: true });
  writeFileSync(stamp, wanted);
}

/**
 * Prints the text at the start, every ten seconds, and at the end if the work took more than a second.
 * @param {string} saying
 * @param {() => Promise<void>} work
 */
export async function timed(saying, work) {
  const begin = Date.now();
  const seconds = () => Math.round((Date.now() - begin) / 1000);
  say(`${saying} ...`);
  const ticker = setInterval(() => say(`${saying} ... ${seconds()} s`), 10_000);
  try {
    await work();
  } finally {
    clearInterval(ticker);
  }
  if (Date.now() - begin > 1000) say(`${saying}: done in ${seconds()} s`);
}

/**
 * Runs a program in the top directory, or in `cwd`, and collects its output, which a failure includes.
 * @param {string} program
 * @param {readonly string[]} args
 * @param {NodeJS.ProcessEnv} [env]
 * @param {string} [cwd]
 * @returns {Promise<string>} its output
 */
export function run(program, args, env = process.env, cwd = top) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
    /** @type {Buffer[]} */
    const printed = [];
    child.stdout.on('data', chunk => printed.push(chunk));
    child.stderr.on('data', chunk => printed.push(chunk));
    child.on('error', error => reject(new Failure(`cannot run ${program}: ${error.message}`)));
    child.on('close', (code, signal) => {
      const output = Buffer.concat(printed).toString();
      if (code === 0) resolve(output);
      else
        reject(new Failure(`${output}\n${[program, ...args].join(' ')}: ${signal ?? `exit status ${code}`}`));
    });
  });
}

/**
 * The entry of a script: a Failure is printed and ends it with status 1.
 * @param {() => Promise<number | undefined>} main returns the exit status
 */
export async function script(main) {
  try {
    process.exitCode = (await main()) ?? 0;
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    say(error.message);
    process.exitCode = 1;
  }
}

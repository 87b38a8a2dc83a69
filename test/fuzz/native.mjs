// SPDX-License-Identifier: Apache-2.0
// The native fuzzers: decoders of the init, the keeper and the binding under libFuzzer with AddressSanitizer and
// UndefinedBehaviorSanitizer. They need clang, which test/tools.mjs fetches.
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { findProgram } from '../../native/build/programs.mjs';
import { filesBelow, run, stage, top } from '../../native/build/stage.mjs';
import { versionOf } from '../../native/build/toolchain.mjs';
import { fetchTools } from '../tools.mjs';

/**
 * @typedef {object} NativeTarget
 * @property {string} name of its source in test/fuzz/native
 * @property {readonly string[]} sources of the project
 * @property {readonly string[]} [renames] system calls of these sources that the fuzzer replaces
 * @property {number} largest bytes of an input
 */

/** @type {readonly NativeTarget[]} */
export const nativeTargets = [
  { name: 'plan', sources: ['wire/plan.cc'], largest: 4096 },
  {
    name: 'report',
    sources: ['binding/containers.cc', 'binding/value.cc'],
    renames: ['recvmsg'],
    largest: 1100,
  },
  { name: 'members', sources: ['binding/json_members.cc'], largest: 2048 },
  { name: 'netlink', sources: ['binding/netlink.cc'], renames: ['recv', 'send'], largest: 2048 },
  { name: 'archive', sources: ['unpack/archive.cc', 'unpack/sha256.cc'], largest: 8192 },
  {
    name: 'log',
    sources: ['binding/log_reader.cc', 'binding/value.cc', 'keeper/log.cc'],
    renames: ['write'],
    largest: 2048,
  },
  { name: 'attach', sources: ['keeper/clients.cc'], largest: 512 },
];

const into = 'build/fuzz/native';

/** The process ends at the first error. */
const flags = [
  ...['-std=c++20', '-g', '-O2', '-fno-exceptions', '-fno-rtti', '-Inative', '-Itest/fuzz/native'],
  ...['-fsanitize=fuzzer,address,undefined', '-fno-sanitize=vptr', '-fno-sanitize-recover=all'],
];

/**
 * Builds a fuzzer.
 *
 * @param {NativeTarget} target
 * @returns {Promise<string | undefined>} its path, or undefined without clang
 */
export async function buildNative({ name, sources, renames = [] }) {
  await fetchTools('fuzz');
  const compiler = findProgram('clang++');
  if (compiler === undefined) return undefined;
  const out = `${into}/${name}`;
  const own = `test/fuzz/native/${name}.cc`;
  await stage({
    name,
    saying: `building the fuzzer ${name}`,
    into,
    inputs: [
      own,
      'test/fuzz/native/bytes.h',
      'test/native/walk_plan.h',
      ...filesBelow(['native'], path => /\.(h|cc)$/.test(path)),
    ],
    outputs: [out],
    also: [await versionOf(compiler), ...flags, ...renames],
    make: async () => {
      mkdirSync(join(top, into), { recursive: true });
      const objects = sources.map(source => `${into}/${name}-${basename(source)}.o`);
      // The names of calls are not replaced in the sources of the keeper, which makes system calls itself.
      for (const [index, source] of sources.entries()) {
        const replaced = source.startsWith('keeper/') ? [] : renames.map(call => `-D${call}=fuzz_${call}`);
        const object = /** @type {string} */ (objects[index]);
        await run(compiler, [...flags, ...replaced, '-c', `native/${source}`, '-o', object]);
      }
      await run(compiler, [...flags, own, ...objects, '-o', out]);
    },
  });
  return join(top, out);
}

/**
 * Executes a fuzzer.
 *
 * @param {string} program
 * @param {NativeTarget} target
 * @param {{ seconds: number, count: number, seed: number, failures: string, seeds: readonly Uint8Array[] }} options
 * @returns {{ inputs: number, failure?: { file: string, text: string } }}
 */
export function runNative(program, { name, largest }, { seconds, count, seed, failures, seeds }) {
  const corpus = join(top, into, `corpus-${name}`);
  mkdirSync(corpus, { recursive: true });
  for (const [index, bytes] of seeds.entries()) writeFileSync(join(corpus, `seed-${index}`), bytes);
  mkdirSync(failures, { recursive: true });
  const prefix = join(failures, `${name}-`);
  const { status, stderr } = spawnSync(
    program,
    [
      ...[`-max_total_time=${Math.max(1, Math.round(seconds))}`, `-seed=${seed}`, `-max_len=${largest}`],
      ...(Number.isFinite(count) ? [`-runs=${count}`] : []),
      // Generous, because libFuzzer measures the time on the clock, and other processes may load the machine.
      ...['-timeout=60', '-print_final_stats=1', '-rss_limit_mb=2048', `-artifact_prefix=${prefix}`],
      ...[corpus, ...keptFor(name)],
    ],
    // The quarantine for freed memory would grow to its default of 256 MB.
    { encoding: 'utf8', env: { ...process.env, ASAN_OPTIONS: 'quarantine_size_mb=8' }, maxBuffer: 1 << 28 },
  );
  const inputs = Number(/stat::number_of_executed_units: *(\d+)/.exec(stderr)?.[1] ?? 0);
  if (status === 0) return { inputs };
  const file = /Test unit written to (\S+)/.exec(stderr)?.[1] ?? '';
  const text = stderr
    .split('\n')
    .filter(line => /ERROR|runtime error|^ {4}#[0-6] |SUMMARY/.test(line))
    .slice(0, 10)
    .join('\n');
  return {
    inputs,
    failure: { file, text: text === '' ? `exit status ${status}\n${stderr.slice(-500)}` : text },
  };
}

/**
 * Writes the kept inputs of a fuzzer, which are text files of hexadecimal digits, as bytes.
 *
 * @param {string} name
 * @returns {string[]} their directory, or nothing
 */
function keptFor(name) {
  const directory = join(top, 'test/fuzz/corpus/native');
  const kept = readdirSync(directory).filter(file => file.startsWith(`${name}-`) && file.endsWith('.hex'));
  if (kept.length === 0) return [];
  const bytes = join(top, into, `kept-${name}`);
  rmSync(bytes, { recursive: true, force: true });
  mkdirSync(bytes, { recursive: true });
  for (const file of kept) {
    writeFileSync(
      join(bytes, file),
      Buffer.from(readFileSync(join(directory, file), 'utf8').replace(/\s/g, ''), 'hex'),
    );
  }
  return [bytes];
}

// SPDX-License-Identifier: Apache-2.0
// npm run fuzz [-- --seconds N] [--count N] [--seed N] [--only NAME,NAME] [--replay FILE]: gives generated input to the
// parsers, checks and compilers, and to the native decoders with sanitizers. README.md has the targets.
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { build } from '../../native/build/build.mjs';
import { Failure, say, script, top } from '../../native/build/stage.mjs';
import { standalone } from '../../native/build/standalone.mjs';
import { nativeArch } from '../../native/build/toolchain.mjs';
import { bundled } from '../bundled.mjs';
import { staticBusybox } from '../tools.mjs';
import { buildNative, nativeTargets, runNative } from './native.mjs';
import { runCreate } from './sandbox.mjs';

/** @typedef {import('./run-target.ts').TargetResult} Result */

/** Inputs that failed, one file each. */
const failures = join(top, 'build/fuzz/failures');

/** Seconds. */
const unlimited = 1e8;

await script(async () => {
  const { values } = parseArgs({
    options: {
      seconds: { type: 'string' },
      count: { type: 'string', default: 'Infinity' },
      seed: { type: 'string', default: '1' },
      only: { type: 'string' },
      replay: { type: 'string' },
    },
  });
  await build(['packages']);
  const worker = new URL(await bundled('test/fuzz/worker.ts', 'build/fuzz/worker'));
  const program = await import(await bundled('test/fuzz/main.ts', 'build/fuzz/program'));
  const bytes = nativeTargets.find(({ name }) => values.replay?.includes(`/${name}-`));
  if (values.replay !== undefined && bytes !== undefined && !values.replay.endsWith('.json')) {
    const fuzzer = await buildNative(bytes);
    if (fuzzer === undefined) throw new Failure('there is no clang');
    return spawnSync(fuzzer, [values.replay], { stdio: 'inherit' }).status ?? 1;
  }
  const stored = values.replay === undefined ? undefined : JSON.parse(readFileSync(values.replay, 'utf8'));
  if (stored?.target === 'create') {
    const result = await fuzzCreate({ seconds: 60, count: 1, seed: 1, inputs: [stored.text] });
    for (const { key, detail } of result.faults) say(`${key}: ${detail}`);
    return result.faults.length === 0 ? 0 : 1;
  }
  if (values.replay !== undefined) {
    const failure = program.replay(top, stored);
    say(failure ?? 'the input does not fail');
    return failure === undefined ? 0 : 1;
  }
  /** @type {string[]} */
  const all = [...program.targetNames(top), ...nativeTargets.map(({ name }) => `native-${name}`), 'create'];
  const wanted = values.only?.split(',') ?? all;
  const unknown = wanted.find(name => !all.includes(name));
  if (unknown !== undefined)
    throw new Failure(`there is no target ${unknown}: choose from ${all.join(', ')}`);
  const seed = Number(values.seed);
  const each =
    (1000 * Number(values.seconds ?? (values.count === 'Infinity' ? 60 : unlimited))) / wanted.length;
  say(`seed ${seed}`);
  /** @type {Result[]} */
  const results = [];
  for (const target of wanted) {
    const until = Date.now() + each;
    if (target === 'create') {
      const result = await fuzzCreate({ seconds: each / 1000, count: Number(values.count), seed });
      for (const fault of result.faults) report(program, fault);
      results.push(result);
      continue;
    }
    const native = nativeTargets.find(({ name }) => target === `native-${name}`);
    if (native !== undefined) {
      const result = await fuzzNative(native, {
        seconds: each / 1000,
        count: Number(values.count),
        seed,
        program,
      });
      results.push(result);
      continue;
    }
    const result = await program.inThread(worker, { top, target, seed, until, count: Number(values.count) });
    say(`${target.padEnd(16)} ${String(result.inputs).padStart(9)} inputs, ${result.accepted} accepted`);
    for (const fault of result.faults) report(program, fault);
    results.push(result);
  }
  const inputs = results.reduce((sum, result) => sum + result.inputs, 0);
  const faults = results.reduce((sum, result) => sum + result.faults.length, 0);
  say(`fuzz: ${results.length} targets, ${inputs} inputs, ${faults} faults (seed ${seed})`);
  return faults === 0 ? 0 : 1;
});

/**
 * @param {{ seconds: number, count: number, seed: number, inputs?: string[] }} options
 * @returns {Promise<Result>}
 */
async function fuzzCreate({ seconds, count, seed, inputs = [] }) {
  const arch = nativeArch();
  await build(['native']);
  await standalone(arch);
  const program = fileURLToPath(await bundled('test/fuzz/create.ts', 'build/fuzz/create'));
  const request = {
    ...{
      top,
      tsubo: join(top, `build/standalone/${arch}/tsubo`),
      busybox: staticBusybox(),
      seed,
      seconds,
      inputs,
    },
    count: Number.isFinite(count) ? count : Number.MAX_SAFE_INTEGER,
  };
  const { output, problem } = runCreate(program, request);
  if (output === undefined) {
    say(`${'create'.padEnd(16)} skipped: ${problem}`);
    return { target: 'create', inputs: 0, accepted: 0, faults: [] };
  }
  /** @type {Result} */
  const result = JSON.parse(output);
  say(`${'create'.padEnd(16)} ${String(result.inputs).padStart(9)} inputs, ${result.accepted} accepted`);
  return result;
}

/**
 * @param {import('./native.mjs').NativeTarget} target
 * @param {{ seconds: number, count: number, seed: number, program: { nativeSeeds(top: string): Record<string, Uint8Array[]> } }} options
 * @returns {Promise<Result>}
 */
async function fuzzNative(target, { seconds, count, seed, program }) {
  const name = `native-${target.name}`;
  const fuzzer = await buildNative(target);
  if (fuzzer === undefined) {
    say(`${name.padEnd(16)} skipped: there is no clang`);
    return { target: name, inputs: 0, accepted: 0, faults: [] };
  }
  const seeds = program.nativeSeeds(top)[target.name] ?? [];
  const { inputs, failure } = runNative(fuzzer, target, { seconds, count, seed, failures, seeds });
  say(`${name.padEnd(16)} ${String(inputs).padStart(9)} inputs`);
  if (failure === undefined) return { target: name, inputs, accepted: 0, faults: [] };
  say(`  fault: ${failure.text}\n    npm run fuzz -- --replay ${failure.file}`);
  const fault = { target: name, seed, key: failure.text, detail: '', input: failure.file };
  return { target: name, inputs, accepted: 0, faults: [fault] };
}

/**
 * @param {{ storedInput(target: string, input: string | Uint8Array): object }} program
 * @param {Result['faults'][number]} fault
 */
function report(program, { target, seed, key, detail, input }) {
  mkdirSync(failures, { recursive: true });
  const name = key.replace(/[^a-zA-Z]+/g, '-').slice(0, 60);
  const file = join(failures, `${target}-${name}.json`);
  const stored = { ...program.storedInput(target, input), seed, fault: key };
  writeFileSync(file, `${JSON.stringify(stored, null, 2)}\n`);
  const shown = detail.split('\n').slice(0, 8).join('\n    ');
  say(`  fault: ${key}\n    ${shown}\n    npm run fuzz -- --replay ${file}`);
}

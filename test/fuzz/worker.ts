// SPDX-License-Identifier: Apache-2.0
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isMainThread, parentPort, workerData } from 'node:worker_threads';
import { failureOf, runTarget, type TargetResult } from './run-target.ts';
import { failureKey, type Input } from './target.ts';
import { allTargets } from './targets.ts';

/** A request of the main thread. */
export interface Work {
  readonly top: string;
  readonly target: string;
  readonly seed: number;
  readonly until: number;
  readonly count: number;
  /** The number of begun inputs, which the main thread watches. */
  readonly progress: SharedArrayBuffer;
}

/** An input in a file: bytes in base64, texts as they are. */
export interface StoredInput {
  readonly target: string;
  readonly seed?: number | undefined;
  readonly fault?: string;
  readonly text?: string;
  readonly bytes?: string;
}

export function inputOf({ text, bytes = '' }: StoredInput): Input {
  return text ?? Uint8Array.from(Buffer.from(bytes, 'base64'));
}

export function storedInput(target: string, input: Input): StoredInput {
  return typeof input === 'string'
    ? { target, text: input }
    : { target, bytes: Buffer.from(input).toString('base64') };
}

/** The kept inputs of a target: those that once failed. */
export function keptInputs(top: string, target: string): Input[] {
  const directory = join(top, 'test/fuzz/corpus');
  return readdirSync(directory)
    .filter(name => name.endsWith('.json'))
    .map(name => JSON.parse(readFileSync(join(directory, name), 'utf8')) as StoredInput)
    .filter(stored => stored.target === target)
    .map(inputOf);
}

/** Executes one stored input. Returns the failure as text. */
export function replay(top: string, stored: StoredInput): string | undefined {
  const target = allTargets(top).find(({ name }) => name === stored.target);
  if (target === undefined) return `there is no target ${stored.target}`;
  const failure = failureOf(target, inputOf(stored));
  return typeof failure === 'object' ? `${failureKey(failure)}\n${failure.stack}` : undefined;
}

function perform({ top, target: name, seed, until, count, progress }: Work): TargetResult {
  const target = allTargets(top).find(each => each.name === name);
  if (target === undefined) throw new Error(`there is no target ${name}`);
  const begun = new BigInt64Array(progress);
  const options = { seed, until, count, extra: keptInputs(top, name) };
  return runTarget(target, { ...options, progress: inputs => Atomics.store(begun, 0, BigInt(inputs)) });
}

if (!isMainThread && parentPort !== null) parentPort.postMessage(perform(workerData as Work));

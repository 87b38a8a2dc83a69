// SPDX-License-Identifier: Apache-2.0
import { Random } from '../helpers/random.ts';
import { shrink } from './shrink.ts';
import { failureKey, type Input, type Target, Violation } from './target.ts';

/** Processor time that one input may take, whatever its size. */
export const mostMicroseconds = 2_000_000;

export interface Fault {
  readonly target: string;
  /** Seed of the input; undefined for one of the corpus. */
  readonly seed: number | undefined;
  readonly key: string;
  readonly detail: string;
  readonly input: Input;
}

export interface TargetResult {
  readonly target: string;
  inputs: number;
  accepted: number;
  readonly faults: Fault[];
}

/** Faults of one target that are reported: more are usually variations of the same. */
const mostFaults = 20;

/**
 * Executes a target with generated inputs.
 *
 * @param options.progress - called before each input with its number
 */
export function runTarget(
  target: Target,
  options: {
    readonly seed: number;
    /** No input begins after this time. */
    readonly until: number;
    readonly count: number;
    readonly extra?: readonly Input[];
    readonly progress?: (inputs: number) => void;
  },
): TargetResult {
  const result: TargetResult = { target: target.name, inputs: 0, accepted: 0, faults: [] };
  const known = new Set<string>();
  const one = (input: Input, seed: number | undefined): void => {
    options.progress?.(result.inputs);
    result.inputs++;
    const failure = failureOf(target, input);
    if (failure === undefined) return;
    if (failure === 'accepted') {
      result.accepted++;
      return;
    }
    const key = failureKey(failure);
    if (known.has(key) || known.size >= mostFaults) return;
    known.add(key);
    const small = key === slowKey ? input : shrink(input, candidate => keyOf(target, candidate) === key);
    const again = failureOf(target, small);
    const shown = typeof again === 'object' ? again : failure;
    const detail = (shown as Violation).detail ?? (shown as Error).stack ?? '';
    result.faults.push({ target: target.name, seed, key, detail, input: small });
  };
  for (const input of [...target.corpus, ...(options.extra ?? [])]) one(input, undefined);
  for (let seed = options.seed; result.inputs < options.count && Date.now() < options.until; seed++) {
    one(target.generate(new Random(seed)), seed);
  }
  return result;
}

const slowKey = 'the input takes more than two seconds of processor time';

function keyOf(target: Target, input: Input): string | undefined {
  const failure = failureOf(target, input);
  return typeof failure === 'object' ? failureKey(failure) : undefined;
}

/** The failure of an input, or whether it was accepted; undefined if it was refused properly. */
export function failureOf(target: Target, input: Input): Error | 'accepted' | undefined {
  const before = process.cpuUsage();
  try {
    const accepted = target.execute(input);
    const { user, system } = process.cpuUsage(before);
    if (user + system > mostMicroseconds)
      return new Violation(slowKey, `${Math.round((user + system) / 1000)} ms`);
    return accepted ? 'accepted' : undefined;
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}

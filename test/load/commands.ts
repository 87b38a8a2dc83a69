// SPDX-License-Identifier: Apache-2.0
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { expect } from 'vitest';
import { errorCodes } from '../../src/errors/codes.ts';
import type { LogRecord, Sandbox } from '../helpers/sandbox.ts';

/** `npm run test:load` without `--short`. */
export const large = process.env['TSUBO_LOAD'] === '1';

/** Prints a line for comparison by hand. No verdict depends on it. */
export function report(text: string): void {
  process.stdout.write(`${text}\n`);
}

export interface Ended {
  readonly status: number | null;
  readonly signal: string | null;
  /** The error in the log; undefined if there is none. */
  readonly error: LogRecord | undefined;
}

/** A command that does not end is a wedge. The time is an upper limit for a machine with much other work. */
const wedgeMs = 120_000;

/**
 * Runs a command of the runtime.
 *
 * @param options.killAfterMs - the runtime gets SIGKILL after this time, unless it has ended before
 */
export function command(
  box: Sandbox,
  args: readonly string[],
  options: { readonly killAfterMs?: number; readonly shell?: string } = {},
): Promise<Ended> {
  const log = box.fresh('log');
  const words = box.command('--log', log, '--log-format', 'json', ...args);
  const { killAfterMs, shell } = options;
  // A shell kills it, because a timer of this process is late while it starts others.
  const script =
    killAfterMs === undefined
      ? `${shell}; exec "$@"`
      : '"$@" & pid=$!; sleep "$0"; kill -KILL $pid; wait $pid';
  const wrapped = ['/bin/sh', '-c', script, String((killAfterMs ?? 0) / 1000), ...words];
  const child = box.view.spawn(killAfterMs === undefined && shell === undefined ? words : wrapped, {
    stdio: ['ignore', 'ignore', 'ignore'],
  });
  return new Promise((resolve, reject) => {
    const wedge = setTimeout(() => {
      child.kill('SIGKILL');
      reject(new Error(`${args.join(' ')} does not end`));
    }, wedgeMs);
    child.once('error', reject);
    child.once('close', (status, signal) => {
      clearTimeout(wedge);
      const killed = killAfterMs !== undefined && status === 128 + 9;
      resolve({ status: killed ? null : status, signal: killed ? 'SIGKILL' : signal, error: errorIn(log) });
    });
  });
}

function errorIn(log: string): LogRecord | undefined {
  if (!existsSync(log)) return undefined;
  const lines = readFileSync(log, 'utf8').split('\n');
  rmSync(log);
  return lines
    .filter(line => line.startsWith('{') && line.endsWith('}'))
    .map(line => JSON.parse(line) as LogRecord)
    .find(({ level }) => level === 'error');
}

/** The command has succeeded, or its error has a code and explains itself. Returns the code of the error. */
export function explained(args: readonly string[], ended: Ended): string | undefined {
  const { status, signal, error } = ended;
  expect([args, signal]).toEqual([args, null]);
  if (status === 0) return undefined;
  // `exec` and `run` return the status of a program that was killed.
  if (error === undefined && status !== null && status > 128) return undefined;
  expect([args, error?.code]).toEqual([args, expect.any(String)]);
  const code = error?.code ?? '';
  expect([args, error?.msg, Object.hasOwn(errorCodes, code) && code !== 'internal']).toEqual([
    args,
    error?.msg,
    true,
  ]);
  return code;
}

/** The same numbers on each machine: xorshift. */
export function randomNumbers(seed: number): (below: number) => number {
  let state = seed;
  return below => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

/** Calls `work` for each number below `count` in `workers` chains. */
export async function inParallel(
  count: number,
  workers: number,
  work: (number: number) => Promise<void>,
): Promise<void> {
  let next = 0;
  const chain = async (): Promise<void> => {
    while (next < count) await work(next++);
  };
  await Promise.all(Array.from({ length: workers }, chain));
}

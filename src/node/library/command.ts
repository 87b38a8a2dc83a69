// SPDX-License-Identifier: Apache-2.0
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';
import { RuntimeError } from '../../errors/error.ts';
import { messageIn } from '../../errors/render.ts';
import { callerOf, type LibraryOptions } from './container.ts';
import { ownExecutable } from './executable.ts';
import type { Caller } from './threads.ts';

/** Options of all functions that are commands of their own: those for images, their containers, volumes and networks. */
export interface CommandOptions extends LibraryOptions {
  /** Ends the command when it is aborted; the call then rejects with the reason of the signal. */
  readonly signal?: AbortSignal;
}

/** A text, a number, a switch, or several texts; pairs become `NAME=VALUE`. */
export type OptionValue = string | number | boolean | readonly string[] | Readonly<Record<string, string>>;

/**
 * The options of a command line: `stopTimeout: 5` is `--stop-timeout=5`. An option that is false or undefined is left
 * out.
 */
export function optionWords(options: object): string[] {
  return Object.entries(options as Readonly<Record<string, OptionValue | undefined>>).flatMap(
    ([name, value]) => {
      const option = `--${name.replace(/[A-Z]/g, letter => `-${letter.toLowerCase()}`)}`;
      if (value === undefined || value === false) return [];
      if (value === true) return [option];
      if (typeof value !== 'object') return [`${option}=${value}`];
      const values = Array.isArray(value)
        ? value
        : Object.entries(value).map(([key, text]) => `${key}=${text}`);
      return values.map(text => `${option}=${text}`);
    },
  );
}

/** Functions for the output of a command. */
export interface CommandStreams {
  /** Called with each line of standard output, without its end. */
  readonly onLine?: (line: string) => void;
  /** Called with each line of standard error that is not a record of the log. */
  readonly onErrorLine?: (line: string) => void;
  /** Exit statuses, beside 0, that are not failures unless the command reports an error. */
  readonly statuses?: readonly number[];
}

/**
 * Runs a command of the command line to its end.
 *
 * @returns its standard output
 * @throws RuntimeError the error of the command; `internal` if it has ended without one; the reason of `signal`
 */
export async function runCommand(
  options: CommandOptions,
  words: readonly string[],
  { onLine, onErrorLine, statuses = [] }: CommandStreams = {},
): Promise<string> {
  const { signal } = options;
  const caller = callerOf(options);
  signal?.throwIfAborted();
  const child = startCommand(caller, ['--log-format=json'], words);
  child.stdin.end();
  let failure: RuntimeError | undefined;
  const readError = (line: string): void => {
    const record = recordIn(line);
    if (record === undefined) onErrorLine?.(line);
    else if (record.level === 'error') failure = record.error;
    else caller.log.warn(record.error.message);
  };
  const stop = (): void => {
    child.kill('SIGTERM');
  };
  signal?.addEventListener('abort', stop, { once: true });
  try {
    const [text, , { status, endSignal }] = await Promise.all([
      collect(child.stdout, onLine),
      collect(child.stderr, readError, false),
      endOf(child),
    ]);
    signal?.throwIfAborted();
    if (status === 0 || (failure === undefined && statuses.includes(status ?? 0))) return text;
    throw failure === undefined
      ? broken(words, endSignal ?? `status ${status}`)
      : failure.with({ message: withoutCommand(failure.message) });
  } finally {
    signal?.removeEventListener('abort', stop);
    // It runs on if a function of the caller has thrown. Its end has no effect.
    stop();
  }
}

/** The same for a command that prints JSON. */
export async function readCommand<T>(options: CommandOptions, words: readonly string[]): Promise<T> {
  return JSON.parse(await runCommand(options, words)) as T;
}

/** The same for a command that prints one JSON document in each line. */
export async function readLines<T>(options: CommandOptions, words: readonly string[]): Promise<readonly T[]> {
  const text = await runCommand(options, words);
  return linesOf(text).map(line => JSON.parse(line) as T);
}

export function linesOf(text: string): string[] {
  return text.split('\n').filter(line => line !== '');
}

export type CommandProcess = ChildProcessByStdio<Writable, Readable, Readable>;

/** Starts a command. Its streams belong to the caller. */
export function startCommand(
  { root, systemdCgroup }: Caller,
  log: readonly string[],
  words: readonly string[],
): CommandProcess {
  const [program = '', ...args] = ownExecutable();
  const global = ['--root', root, ...(systemdCgroup ? ['--systemd-cgroup'] : []), ...log];
  const child = spawn(program, [...args, ...global, ...words], { stdio: ['pipe', 'pipe', 'pipe'] });
  // EPIPE: the command does not read its input.
  child.stdin.on('error', () => {});
  return child;
}

/** @throws RuntimeError `internal` if the command cannot be started */
export async function endOf(
  child: CommandProcess,
): Promise<{ readonly status: number | null; readonly endSignal: NodeJS.Signals | null }> {
  try {
    const [status, endSignal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
    return { status, endSignal };
  } catch (error) {
    const { message } = error as Error;
    throw new RuntimeError(
      { code: 'internal', message: `unable to run tsubo: ${message}` },
      { cause: error },
    );
  }
}

/** Reads a stream of lines. */
async function collect(
  stream: Readable,
  onLine: ((line: string) => void) | undefined,
  keeps = true,
): Promise<string> {
  const decoder = new StringDecoder('utf8');
  let text = '';
  let rest = '';
  for await (const chunk of stream) {
    const piece = decoder.write(chunk as Buffer);
    if (keeps) text += piece;
    if (onLine === undefined) continue;
    const lines = (rest + piece).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) onLine(line);
  }
  if (rest !== '') onLine?.(rest);
  return text;
}

/** Reads a stream line by line. */
export async function* linesFrom(stream: Readable): AsyncGenerator<string, void, undefined> {
  const decoder = new StringDecoder('utf8');
  let rest = '';
  for await (const chunk of stream) {
    const lines = (rest + decoder.write(chunk as Buffer)).split('\n');
    rest = lines.pop() ?? '';
    yield* lines;
  }
  if (rest !== '') yield rest;
}

/** A record of the log; undefined for another line. */
export function recordIn(
  line: string,
): { readonly level: 'error' | 'warning'; readonly error: RuntimeError } | undefined {
  if (!line.startsWith('{"')) return undefined;
  try {
    const { level, msg, time: _, ...fields } = JSON.parse(line);
    if ((level !== 'error' && level !== 'warning') || typeof msg !== 'string') return undefined;
    return {
      level,
      error: new RuntimeError({ code: 'internal', ...fields, message: messageIn(msg, fields) }),
    };
  } catch {
    return undefined;
  }
}

/**
 * Calls `work` with options of a command by which its log goes to a file. Standard error then has only the output of
 * a program. The returned function reads the error in the log.
 */
export async function withLogFile<T>(
  work: (log: readonly string[], failure: () => Promise<RuntimeError | undefined>) => Promise<T>,
): Promise<T> {
  const directory = await mkdtemp(join(tmpdir(), 'tsubo-log-'));
  const file = join(directory, 'log');
  try {
    return await work([`--log=${file}`, '--log-format=json'], async () => {
      const text = await readFile(file, 'utf8').catch(() => '');
      const records = linesOf(text).map(recordIn);
      return records.filter(record => record?.level === 'error').at(-1)?.error;
    });
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** `tsubo image pull failed: ` begins the message of the command. */
function withoutCommand(message: string): string {
  return message.replace(/^tsubo [a-z -]+ failed: /, '');
}

export function broken(words: readonly string[], end: string): RuntimeError {
  return new RuntimeError({
    code: 'internal',
    message: `tsubo ${words.slice(0, 2).join(' ')} ended with ${end} and without an error`,
  });
}

// SPDX-License-Identifier: Apache-2.0
import { type ChildProcess, spawn } from 'node:child_process';
import type { ErrorFields } from '../../errors/error.ts';
import { messageIn } from '../../errors/render.ts';
import type { ActionWord, ShownError } from './messages.ts';
import { shownError } from './shown-error.ts';

/** The command line of `tsubo` up to the name of a command. */
export type CommandLine = readonly string[];

/** Returns the words of the command for an action. */
export function wordsOf(action: ActionWord, id: string): string[] {
  if (action === 'remove') return ['container', 'rm', '--force', id];
  return ['container', action, id];
}

/** Starts a command that reports its failure as a record, without input. The caller reads its output. */
export function startCommand(commandLine: CommandLine, words: readonly string[]): ChildProcess {
  const [program = '', ...args] = [...commandLine, '--log-format=json', ...words];
  return spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
}

/** Runs a command to its end, and returns its failure; undefined if it has succeeded. */
export function runCommand(
  commandLine: CommandLine,
  words: readonly string[],
): Promise<ShownError | undefined> {
  return new Promise(resolve => {
    const child = startCommand(commandLine, words);
    let text = '';
    child.stdout?.resume();
    child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
    });
    child.on('error', error => resolve(brokenCommand(words, error.message)));
    child.on('close', (code, signal) => {
      if (code === 0) resolve(undefined);
      else resolve(failureIn(text) ?? brokenCommand(words, signal ?? `status ${code}`));
    });
  });
}

/** Returns the last error among the records that a command has written. */
export function failureIn(text: string): ShownError | undefined {
  const records = text.split('\n').flatMap(line => {
    const error = errorIn(line);
    return error === undefined ? [] : [error];
  });
  const last = records.at(-1);
  return last && shownError(last);
}

/** Returns the error in a line of a log; undefined for a warning and for a line of the container. */
export function errorIn(line: string): ErrorFields | undefined {
  if (!line.startsWith('{')) return undefined;
  try {
    const { level, msg, ...fields } = JSON.parse(line) as ErrorFields & { level?: unknown; msg?: unknown };
    if (level !== 'error' || typeof msg !== 'string') return undefined;
    return { ...fields, message: messageIn(msg, fields) };
  } catch {
    return undefined;
  }
}

function brokenCommand(words: readonly string[], end: string): ShownError {
  return shownError({ code: 'dashboard.ended', message: `tsubo ${words.join(' ')} ended with ${end}` });
}

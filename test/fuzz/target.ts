// SPDX-License-Identifier: Apache-2.0
import { errorCodes } from '../../src/errors/codes.ts';
import { type ErrorFields, RuntimeError } from '../../src/errors/error.ts';
import { manyLines, oneLine } from '../../src/errors/render.ts';
import type { Random } from '../helpers/random.ts';

export type Input = string | Uint8Array;

/** A part of the program that gets generated input. */
export interface Target {
  readonly name: string;
  /** Inputs that are executed first; a generator may change them. */
  readonly corpus: readonly Input[];
  /** The same number gives the same input. */
  generate(random: Random): Input;
  /**
   * Executes one input. Returns true if the program accepted it.
   *
   * @throws Violation; any other exception is a violation too
   */
  execute(input: Input): boolean;
}

/** The program has broken a promise. The message names the promise; equal promises have equal messages. */
export class Violation extends Error {
  readonly detail: string;
  constructor(message: string, detail = '') {
    super(message);
    this.detail = detail;
  }
}

/** Checks the fields of an error that a user would see, and prints it as a terminal and a log would. */
export function requireError(error: ErrorFields): void {
  if (!Object.hasOwn(errorCodes, error.code)) throw new Violation(`an unknown code: ${error.code}`);
  if (error.code === 'internal') throw new Violation(`an internal error: ${error.message}`);
  // A log has one line; a terminal gets no character that it would act on.
  if (oneLine(error).includes('\n')) throw new Violation('an error has two lines', oneLine(error));
  const printed = manyLines(error, { width: 60 }).join('\n');
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not be printed
  if (/[\0-\x09\x0b-\x1f\x7f]/.test(printed)) throw new Violation('a control character in an error', printed);
  for (const problem of error.problems ?? []) requireError(problem);
}

/**
 * Calls `work`, which may fail with an error of the program or of one of these classes. Returns undefined then.
 */
export function attempt<T>(
  work: () => T,
  ...allowed: readonly (new (
    ...args: never[]
  ) => Error)[]
): T | undefined {
  try {
    return work();
  } catch (error) {
    if (error instanceof RuntimeError) requireError(error);
    else if (!allowed.some(kind => error instanceof kind)) throw error;
    return undefined;
  }
}

/** The key of a failure: two inputs that fail with the same key show the same fault. */
export function failureKey(error: unknown): string {
  if (error instanceof Violation) return error.message;
  const { name, message, stack = '' } = error as Error;
  const place = /at (\S+)/.exec(stack.slice(stack.indexOf('\n')))?.[1] ?? '';
  return `${name} in ${place}: ${message.replace(/\d+/g, 'N').slice(0, 60)}`;
}

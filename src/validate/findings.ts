// SPDX-License-Identifier: Apache-2.0
import type { ErrorFields } from '../errors/error.ts';

/**
 * The maximum number of stored problems, and of warnings, for a document: one megabyte can contain a hundred
 * thousand.
 */
export const mostFindings = 1000;

const more: ErrorFields = {
  code: 'config.more',
  message: `more than ${mostFindings} findings: the others are not listed`,
  pointer: '',
};

/** Returns true if the list is full: further findings need not be created. */
export function isFull(list: readonly ErrorFields[]): boolean {
  return list.length > mostFindings;
}

/** Adds a warning; the first one over the limit is replaced by a note that there are more. */
export function keepWarning(list: ErrorFields[], fields: ErrorFields): void {
  if (list.length < mostFindings) list.push(fields);
  else if (list.length === mostFindings) list.push(more);
}

/** Thrown to stop the checks of a document. */
class TooManyProblems extends Error {}

/**
 * Adds a problem like keepWarning.
 *
 * @throws TooManyProblems for the first problem over the limit, which stops the checks
 */
export function keepProblem(list: ErrorFields[], fields: ErrorFields): void {
  keepWarning(list, fields);
  if (isFull(list)) throw new TooManyProblems();
}

/** Calls `work`; returns undefined if it stopped because of too many problems. */
export function stopAtLimit<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    if (error instanceof TooManyProblems) return undefined;
    throw error;
  }
}

/** Limits a list that is complete already. */
export function limitFindings<T extends ErrorFields>(list: readonly T[]): readonly ErrorFields[] {
  return list.length <= mostFindings ? list : [...list.slice(0, mostFindings), more];
}

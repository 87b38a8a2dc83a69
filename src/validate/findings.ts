// SPDX-License-Identifier: Apache-2.0
import type { ErrorFields } from '../errors/error.ts';

/** How many problems, and how many warnings, of one document are kept. A megabyte can have a hundred thousand of them. */
export const mostFindings = 1000;

const more: ErrorFields = {
  code: 'config.more',
  message: `more than ${mostFindings} findings: the others are not listed`,
  pointer: '',
};

/** True when nothing more is kept: what it would say need not be made. */
export function isFull(list: readonly ErrorFields[]): boolean {
  return list.length > mostFindings;
}

/** Adds a warning; in the place of the first one too many, that there are more. */
export function keepWarning(list: ErrorFields[], fields: ErrorFields): void {
  if (list.length < mostFindings) list.push(fields);
  else if (list.length === mostFindings) list.push(more);
}

/** Ends the checks of a document. */
class Enough extends Error {}

/**
 * As keepWarning.
 *
 * @throws Enough for the first one too many: nothing more need be looked at
 */
export function keepProblem(list: ErrorFields[], fields: ErrorFields): void {
  keepWarning(list, fields);
  if (isFull(list)) throw new Enough();
}

/** Does `work` until it is done or there are enough problems; undefined then. */
export function untilEnough<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    if (error instanceof Enough) return undefined;
    throw error;
  }
}

/** The first ones of a list that has been made. */
export function kept<T extends ErrorFields>(list: readonly T[]): readonly ErrorFields[] {
  return list.length <= mostFindings ? list : [...list.slice(0, mostFindings), more];
}

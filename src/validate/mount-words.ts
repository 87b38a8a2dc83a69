// SPDX-License-Identifier: Apache-2.0

import { didYouMean } from '../errors/spelling.ts';
import { plainOptions, propagationOptions, recursiveOptions } from '../plan/mount-option-table.ts';

/** Names that other programs use for an option. */
const synonyms: ReadonlyMap<string, string> = new Map([
  ['readonly', 'ro'],
  ['read-only', 'ro'],
  ['readwrite', 'rw'],
  ['read-write', 'rw'],
]);

/** Returns a hint for an unknown mount option; undefined if no option is similar. */
export function mountWordHint(word: string): string | undefined {
  const synonym = synonyms.get(word.toLowerCase());
  if (synonym !== undefined) return `did you mean ${synonym}?`;
  const known = [plainOptions, propagationOptions, recursiveOptions].flatMap(table => Object.keys(table));
  return didYouMean(word, known);
}

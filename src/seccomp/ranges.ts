// SPDX-License-Identifier: Apache-2.0
import type { Decisions } from './rules.ts';

/** Where the calls of ARM's own begin, far above all others. */
const armPrivate = 0xf0000;

/** From each start up to the next one decision; the first starts at an architecture's base. */
export interface Ranges {
  readonly starts: number[];
  /** Their numbers. */
  readonly decisions: number[];
}

/**
 * All numbers of one architecture in ranges.
 *
 * @param base - what its numbers begin at
 * @param runs - of its table
 * @param newer - the decision on calls above the largest that the profile mentions
 */
export function rangesOf(
  base: number,
  runs: readonly number[],
  { of, mentioned }: Decisions,
  newer: number,
): Ranges {
  const starts: number[] = [];
  const decisions: number[] = [];
  let current = -1;
  const add = (number: number, decision: number): void => {
    if (decision === current) return;
    starts.push(base + number);
    decisions.push(decision);
    current = decision;
  };
  const largest = largestOf(runs, mentioned);
  let next = 0;
  for (let run = 0; next <= largest; run += 3) {
    const first = runs[run] as number;
    if (first > next) add(next, 0);
    next = first + (runs[run + 2] as number);
    const end = next > largest ? largest + 1 : next;
    // Most of the time that a compilation takes is spent here.
    for (let number = first, place = runs[run + 1] as number; number < end; number++, place++) {
      if (of[place] !== current) add(number, of[place] as number);
    }
  }
  const above = largest === 0 ? 0 : newer;
  add(largest + 1, above);
  for (let run = 0; run < runs.length; run += 3) {
    const first = runs[run] as number;
    const count = runs[run + 2] as number;
    for (let i = Math.max(0, largest + 1 - first); i < count; i++) {
      const decision = of[(runs[run + 1] as number) + i] as number;
      if (decision === 0) continue;
      add(first + i, decision);
      add(first + i + 1, above);
    }
  }
  return { starts, decisions };
}

/** The largest number that the profile mentions, 0 for none. */
function largestOf(runs: readonly number[], mentioned: Uint8Array): number {
  for (let run = runs.length - 3; run >= 0; run -= 3) {
    const first = runs[run] as number;
    if (first >= armPrivate) continue;
    const place = runs[run + 1] as number;
    for (let i = (runs[run + 2] as number) - 1; i >= 0; i--) {
      if (mentioned[place + i] === 1) return first + i;
    }
  }
  return 0;
}

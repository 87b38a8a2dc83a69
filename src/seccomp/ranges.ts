// SPDX-License-Identifier: Apache-2.0
import type { Decisions } from './rules.ts';

/** The first private call of ARM, far above all other numbers. */
const armPrivate = 0xf0000;
/** The place of numbers without a name; its decision is always the default. */
export const noPlace = 639;

/** Each start begins a range with one decision; the first start is the architecture's base. */
export interface Ranges {
  readonly starts: number[];
  /** Numbers of the decisions. */
  readonly decisions: number[];
}

/**
 * Divides all numbers of an architecture into ranges with the same decision.
 *
 * @param base - the lowest number
 * @param runs - of the architecture's table
 * @param newer - the decision for calls above the largest one in the profile
 */
export function rangesOf(
  base: number,
  runs: readonly number[],
  { of, mentioned }: Decisions,
  newer: number,
): Ranges {
  const places = placesOf(runs);
  let largest = places.length - 1;
  while (largest > 0 && mentioned[places[largest] as number] !== 1) largest--;
  const starts: number[] = [];
  const decisions: number[] = [];
  let count = 0;
  let current = -1;
  // Hot loop of a compilation, therefore duplicated below instead of in a function of its own.
  for (let number = 0; number <= largest; number++) {
    const decision = of[places[number] as number] as number;
    if (decision === current) continue;
    starts[count] = base + number;
    decisions[count++] = decision;
    current = decision;
  }
  // Decisions for calls above the largest: socketcall(2) if the profile has only socket(2), and private calls of ARM.
  const above = largest === 0 ? 0 : newer;
  for (let number = largest + 1; number < places.length; number++) {
    const decision = of[places[number] as number] === 0 ? above : (of[places[number] as number] as number);
    if (decision === current) continue;
    starts[count] = base + number;
    decisions[count++] = decision;
    current = decision;
  }
  const add = (number: number, decision: number): void => {
    starts[count] = base + number;
    decisions[count++] = decision;
  };
  if (current !== above) add(places.length, above);
  let far = runs.length;
  while (far > 0 && (runs[far - 3] as number) >= armPrivate) far -= 3;
  for (let run = far; run < runs.length; run += 3) {
    const first = runs[run] as number;
    for (let i = 0; i < (runs[run + 2] as number); i++) {
      const decision = of[(runs[run + 1] as number) + i] as number;
      if (decision === 0) continue;
      add(first + i, decision);
      add(first + i + 1, above);
    }
  }
  return { starts, decisions };
}

/** A cache: for the runs of an architecture, the place of each number. */
const known = new Map<readonly number[], Uint16Array>();

function placesOf(runs: readonly number[]): Uint16Array {
  const made = known.get(runs) ?? spread(runs);
  known.set(runs, made);
  return made;
}

function spread(runs: readonly number[]): Uint16Array {
  let length = 0;
  for (let run = 0; run < runs.length; run += 3) {
    const first = runs[run] as number;
    if (first < armPrivate) length = first + (runs[run + 2] as number);
  }
  const places = new Uint16Array(length).fill(noPlace);
  for (let run = 0; run < runs.length; run += 3) {
    const first = runs[run] as number;
    if (first >= armPrivate) continue;
    for (let i = 0; i < (runs[run + 2] as number); i++) places[first + i] = (runs[run + 1] as number) + i;
  }
  return places;
}

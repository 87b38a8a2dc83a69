// SPDX-License-Identifier: Apache-2.0

/** The word of `known` that was probably meant, or undefined when none is near. */
export function nearestWord(word: string, known: readonly string[]): string | undefined {
  const folded = word.toLowerCase();
  // A prefix that all have in common, such as CAP_, makes no word more alike to another.
  const prefix = commonPrefix(known);
  const length = folded.startsWith(prefix) ? word.length - prefix.length : word.length;
  // One slip in up to five letters, two in up to eight, three in more: half of a word may not be changed.
  let best = Math.min(3, Math.max(1, Math.floor(length / 3))) + 1;
  let nearest: string | undefined;
  for (const candidate of known) {
    const distance = editDistance(folded, candidate.toLowerCase(), best);
    if (distance < best) {
      best = distance;
      nearest = candidate;
    }
  }
  return nearest;
}

/** In lower case, up to an underscore. */
function commonPrefix(words: readonly string[]): string {
  const first = words[0] ?? '';
  let prefix = first.slice(0, first.lastIndexOf('_') + 1);
  while (prefix !== '' && !words.every(word => word.startsWith(prefix))) {
    prefix = prefix.slice(0, prefix.lastIndexOf('_', prefix.length - 2) + 1);
  }
  return prefix.toLowerCase();
}

/** The hint for a misspelt word; undefined when no known word is near. */
export function didYouMean(word: string, known: readonly string[], prefix = ''): string | undefined {
  const near = nearestWord(word, known);
  return near === undefined ? undefined : `did you mean ${prefix}${near}?`;
}

/**
 * How many letters must be put in, taken out, changed or swapped with their neighbour. Stops counting at `limit`.
 */
export function editDistance(one: string, other: string, limit: number): number {
  if (Math.abs(one.length - other.length) >= limit) return limit;
  let beforePrevious: number[] = [];
  let previous = Array.from({ length: other.length + 1 }, (_, index) => index);
  for (let i = 1; i <= one.length; i++) {
    const current = [i];
    for (let j = 1; j <= other.length; j++) {
      const same = one[i - 1] === other[j - 1];
      let cost = Math.min(
        (previous[j] ?? 0) + 1,
        (current[j - 1] ?? 0) + 1,
        (previous[j - 1] ?? 0) + (same ? 0 : 1),
      );
      if (i > 1 && j > 1 && one[i - 1] === other[j - 2] && one[i - 2] === other[j - 1]) {
        cost = Math.min(cost, (beforePrevious[j - 2] ?? 0) + 1);
      }
      current.push(cost);
    }
    beforePrevious = previous;
    previous = current;
  }
  return Math.min(previous[other.length] ?? limit, limit);
}

// SPDX-License-Identifier: Apache-2.0

/** Returns the most similar word of `known`; undefined if none is similar. */
export function nearestWord(word: string, known: readonly string[]): string | undefined {
  const folded = word.toLowerCase();
  // A common prefix of all words, such as CAP_, must not count as similarity.
  const prefix = commonPrefix(known);
  const length = folded.startsWith(prefix) ? word.length - prefix.length : word.length;
  // Permits one edit in words of up to five letters, two in up to eight, three in longer ones, because most letters of
  // the word must be unchanged.
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

/** Returns the common prefix in lower case, up to an underscore. */
function commonPrefix(words: readonly string[]): string {
  const first = words[0] ?? '';
  let prefix = first.slice(0, first.lastIndexOf('_') + 1);
  while (prefix !== '' && !words.every(word => word.startsWith(prefix))) {
    // Without its last underscore: a negative start of lastIndexOf counts as 0 and would find the same one again.
    const shorter = prefix.slice(0, -1);
    prefix = shorter.slice(0, shorter.lastIndexOf('_') + 1);
  }
  return prefix.toLowerCase();
}

/** Returns a hint for a misspelt word; undefined if no known word is similar. */
export function didYouMean(word: string, known: readonly string[], prefix = ''): string | undefined {
  const near = nearestWord(word, known);
  return near === undefined ? undefined : `did you mean ${prefix}${near}?`;
}

export function isOneOf(word: string, allowed: readonly string[]): boolean {
  return allowed.includes(word);
}

/** Returns the hint for a word that is not allowed: the most similar allowed word, or the list of them. */
export function allowedWordHint(word: string, allowed: readonly string[]): string {
  return didYouMean(word, allowed) ?? `allowed values: ${allowed.join(', ')}`;
}

/**
 * Counts the insertions, deletions, changes and swaps of neighbours between two words. It stops at `limit`, and
 * compares only letters whose positions differ by at most that.
 */
function editDistance(one: string, other: string, limit: number): number {
  if (Math.abs(one.length - other.length) >= limit) return limit;
  let start = 0;
  while (start < one.length && one.charCodeAt(start) === other.charCodeAt(start)) start++;
  const rows = one.length - start;
  const columns = other.length - start;
  let beforePrevious: number[] = [];
  let previous: number[] = [];
  for (let j = 0; j <= columns; j++) previous.push(j);
  for (let i = 1; i <= rows; i++) {
    const current = [i];
    let least = i;
    const letter = one.charCodeAt(start + i - 1);
    const before = one.charCodeAt(start + i - 2);
    const first = Math.max(1, i - limit);
    for (let j = 1; j < first; j++) current.push(limit);
    const last = Math.min(columns, i + limit);
    for (let j = first; j <= last; j++) {
      const facing = other.charCodeAt(start + j - 1);
      const same = letter === facing;
      let cost = (previous[j - 1] ?? limit) + (same ? 0 : 1);
      const removed = (previous[j] ?? limit) + 1;
      const added = (current[j - 1] ?? limit) + 1;
      if (removed < cost) cost = removed;
      if (added < cost) cost = added;
      if (i > 1 && j > 1 && before === facing && letter === other.charCodeAt(start + j - 2)) {
        cost = Math.min(cost, (beforePrevious[j - 2] ?? limit) + 1);
      }
      if (cost < least) least = cost;
      current.push(cost);
    }
    // A swap refers back two rows, where the minimum can be lower by at most one.
    if (least > limit) return limit;
    beforePrevious = previous;
    previous = current;
  }
  return Math.min(previous[columns] ?? limit, limit);
}

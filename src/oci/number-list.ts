// SPDX-License-Identifier: Apache-2.0

/** A limit on the size of a plan, above the number of CPUs and memory nodes of any kernel. */
const highestNumber = 65536;

/** The parsed form of a list such as `0-3,7`. */
export interface NumberList {
  /** Bit N of word M is the number 64 M + N. Empty: no numbers. */
  readonly words: readonly bigint[];
  readonly count: number;
}

/**
 * Parses a list of CPUs or memory nodes. Blanks around elements and empty elements are ignored, like in runc.
 *
 * @returns the problem as a text if the list is invalid
 */
export function parseNumberList(text: string): NumberList | string {
  /** The last number of each range by its first one: a list may contain the same range a thousand times. */
  const ranges = new Map<number, number>();
  for (const element of text.split(',').map(part => part.trim())) {
    if (element === '') continue;
    const match = /^(\d+)(?:-(\d+))?$/.exec(element);
    if (match === null) return `"${element}" is neither a number nor a range`;
    const first = Number(match[1]);
    const last = Number(match[2] ?? match[1]);
    if (last > highestNumber || first > highestNumber) {
      return `numbers above ${highestNumber} are not supported`;
    }
    if (first > last) return `the range ${element} ends before it begins`;
    ranges.set(first, Math.max(last, ranges.get(first) ?? 0));
  }
  return numbersOf(ranges);
}

function numbersOf(ranges: ReadonlyMap<number, number>): NumberList {
  const words: bigint[] = [];
  let count = 0;
  let next = 0;
  for (const [first, last] of [...ranges].sort(([one], [other]) => one - other)) {
    for (let number = Math.max(first, next); number <= last; number++) {
      const word = number >> 6;
      while (words.length <= word) words.push(0n);
      words[word] = (words[word] ?? 0n) | (1n << BigInt(number & 63));
      count++;
    }
    next = Math.max(next, last + 1);
  }
  return { words, count };
}

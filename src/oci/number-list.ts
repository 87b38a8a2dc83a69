// SPDX-License-Identifier: Apache-2.0

/** Beyond the CPUs and memory nodes of any kernel; a limit on what a plan may carry. */
export const highestNumber = 65536;

/** What a list such as `0-3,7` says. */
export interface NumberList {
  /** Bit N of word M is number 64 M + N. Empty: no number. */
  readonly words: readonly bigint[];
  readonly count: number;
}

/**
 * Reads a list of CPUs or memory nodes. Blanks around elements and empty elements are passed over, as runc does.
 *
 * @returns a sentence when it is none
 */
export function parseNumberList(text: string): NumberList | string {
  const words: bigint[] = [];
  for (const element of text.split(',').map(part => part.trim())) {
    if (element === '') continue;
    const match = /^(\d+)(?:-(\d+))?$/.exec(element);
    if (match === null) return `"${element}" is neither a number nor a range`;
    const first = Number(match[1]);
    const last = Number(match[2] ?? match[1]);
    if (last > highestNumber || first > highestNumber) {
      return `numbers above ${highestNumber} are not supported`;
    }
    if (first > last) return `the range ${element} runs backwards`;
    for (let number = first; number <= last; number++) {
      const word = number >> 6;
      while (words.length <= word) words.push(0n);
      words[word] = (words[word] ?? 0n) | (1n << BigInt(number & 63));
    }
  }
  let count = 0;
  for (const word of words) for (let rest = word; rest !== 0n; rest &= rest - 1n) count++;
  return { words, count };
}

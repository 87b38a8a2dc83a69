// SPDX-License-Identifier: Apache-2.0
const nanosecondsPerUnit: ReadonlyMap<string, number> = new Map([
  ['ns', 1],
  ['us', 1e3],
  ['µs', 1e3],
  ['μs', 1e3],
  ['ms', 1e6],
  ['s', 1e9],
  ['m', 6e10],
  ['h', 3.6e12],
]);

/** Parses a duration without a sign in Go's format: `5s`, `1m30s`, `0.5h`. Returns nanoseconds; undefined for another text, and from 2^63 on. */
export function parseDuration(text: string): number | undefined {
  if (text === '0') return 0;
  if (!/^(?:(?:\d+(?:\.\d*)?|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+$/.test(text)) return undefined;
  let total = 0;
  for (const [, number = '', unit = ''] of text.matchAll(/([\d.]+)([^\d.]+)/g)) {
    total += Number(number) * (nanosecondsPerUnit.get(unit) ?? 0);
  }
  // Go truncates a fraction of a nanosecond.
  return total < 2 ** 63 ? Math.trunc(total) : undefined;
}

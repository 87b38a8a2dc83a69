// SPDX-License-Identifier: Apache-2.0

/** Quantiles of a sample, in the unit of its values. */
export interface Summary {
  readonly count: number;
  readonly min: number;
  readonly p25: number;
  readonly median: number;
  readonly p75: number;
  readonly max: number;
}

/**
 * The quantile of a sample, interpolated between neighbours.
 *
 * @param sorted - ascending, not empty
 * @param share - 0 to 1
 */
export function quantile(sorted: readonly number[], share: number): number {
  if (sorted.length === 0) throw new Error('an empty sample has no quantile');
  const place = (sorted.length - 1) * share;
  const below = Math.floor(place);
  const low = sorted[below] ?? 0;
  const high = sorted[Math.ceil(place)] ?? low;
  return low + (high - low) * (place - below);
}

/** @returns undefined for an empty sample */
export function summarize(values: readonly number[]): Summary | undefined {
  if (values.length === 0) return undefined;
  const sorted = [...values].sort((left, right) => left - right);
  return {
    count: sorted.length,
    min: quantile(sorted, 0),
    p25: quantile(sorted, 0.25),
    median: quantile(sorted, 0.5),
    p75: quantile(sorted, 0.75),
    max: quantile(sorted, 1),
  };
}

export function median(values: readonly number[]): number | undefined {
  return summarize(values)?.median;
}

/**
 * The drift of a sample: median of its second half relative to that of its first, 0.05 for 5 % slower. Undefined for
 * fewer than four values.
 */
export function drift(values: readonly number[]): number | undefined {
  if (values.length < 4) return undefined;
  const half = Math.floor(values.length / 2);
  const first = median(values.slice(0, half));
  const second = median(values.slice(-half));
  return first === undefined || second === undefined || first === 0 ? undefined : second / first - 1;
}

/** @returns undefined if a value is missing */
export function ratio(value: number | undefined, base: number | undefined): number | undefined {
  return value === undefined || base === undefined || base === 0 ? undefined : value / base;
}

/**
 * The order of `items` in a round: rotated by one each round, and reversed in every second cycle, because no item may
 * always follow the same one.
 */
export function rotated<T>(items: readonly T[], round: number): readonly T[] {
  const from = items.length === 0 ? 0 : round % items.length;
  const turned = [...items.slice(from), ...items.slice(0, from)];
  return Math.floor(round / Math.max(items.length, 1)) % 2 === 0 ? turned : turned.reverse();
}

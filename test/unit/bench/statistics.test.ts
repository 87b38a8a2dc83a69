// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { drift, median, quantile, ratio, rotated, summarize } from '../../bench/statistics.ts';

describe('the statistics of the benchmark', () => {
  it('interpolate a quantile between its neighbours', () => {
    expect(quantile([1, 2, 3, 4], 0.25)).toBe(1.75);
    expect(quantile([1, 2, 3, 4], 1)).toBe(4);
    expect(quantile([7], 0.75)).toBe(7);
    expect(() => quantile([], 0.5)).toThrow('an empty sample has no quantile');
  });

  it('summarize a sample in any order, as numbers and not as text', () => {
    expect(summarize([100, 9, 20, 3, 50])).toEqual({
      count: 5,
      min: 3,
      p25: 9,
      median: 20,
      p75: 50,
      max: 100,
    });
    expect(median([4, 1, 3, 2])).toBe(2.5);
    expect(summarize([])).toBeUndefined();
  });

  it('do not change the sample', () => {
    const values = [3, 1, 2];
    summarize(values);
    expect(values).toEqual([3, 1, 2]);
  });

  it('report the drift of a sample without its middle round', () => {
    expect(drift([10, 10, 99, 11, 11])).toBeCloseTo(0.1);
    expect(drift([10, 10, 5, 5])).toBe(-0.5);
    expect(drift([1, 2, 3])).toBeUndefined();
    expect(drift([0, 0, 1, 1])).toBeUndefined();
  });

  it('have no ratio without both values', () => {
    expect(ratio(3, 4)).toBe(0.75);
    expect(ratio(3, undefined)).toBeUndefined();
    expect(ratio(undefined, 3)).toBeUndefined();
    expect(ratio(3, 0)).toBeUndefined();
  });

  it('rotate the order of the columns: each column is first in two of six rounds, and follows each other column in some round', () => {
    const columns = ['a', 'b', 'c'];
    const rounds = [0, 1, 2, 3, 4, 5].map(round => rotated(columns, round).join(''));
    expect(rounds).toEqual(['abc', 'bca', 'cab', 'cba', 'acb', 'bac']);
    expect(rotated([], 3)).toEqual([]);
  });
});

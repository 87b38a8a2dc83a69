// SPDX-License-Identifier: Apache-2.0
// What was measured, as it goes into samples.json.
import type { CaseName } from './cases.ts';

/** One case of one column. All lists have an entry for each good round, in the order of the rounds. */
export interface Series {
  wallUs: number[];
  cpuUs: number[];
  peakKiB: number[];
  /** Of the waiting init, only in the case `init`. */
  privateKiB: number[];
  proportionalKiB: number[];
  failed: number;
  /** What it said when it failed last. */
  said?: string;
  syscalls?: Syscalls;
}

export interface Syscalls {
  /** Of the command's own process. */
  readonly own: number;
  /** Of what it started, up to its end: the container's init among them. */
  readonly others: number;
}

export interface Samples {
  readonly began: string;
  readonly kernel: string;
  readonly processors: number;
  readonly loadBefore: string;
  loadAfter: string;
  readonly rounds: number;
  readonly entries: number;
  /** Rounds that began although the machine was not idle. */
  gaveUp: number;
  /** Rounds that were measured again because others used the processors. */
  repeated: number;
  /** Rounds that count although others used the processors. */
  disturbed: number;
  /** Per cent of the processors that others used, for each round that counts. */
  readonly foreign: number[];
  readonly columns: readonly { readonly name: string; readonly note?: string }[];
  /** By column, then by case. */
  readonly series: Record<string, Partial<Record<CaseName, Series>>>;
}

export function emptySeries(): Series {
  return { wallUs: [], cpuUs: [], peakKiB: [], privateKiB: [], proportionalKiB: [], failed: 0 };
}

/** The series of a column and case, made where it is not there yet. */
export function seriesOf(samples: Samples, column: string, name: CaseName): Series {
  samples.series[column] ??= {};
  const found = samples.series[column][name] ?? emptySeries();
  samples.series[column][name] = found;
  return found;
}

/** What the plot shows and the ratios are made of: milliseconds, or KiB for `init`. */
export function values(series: Series | undefined, name: CaseName): readonly number[] {
  if (series === undefined) return [];
  return name === 'init' ? series.privateKiB : series.wallUs.map(us => us / 1000);
}

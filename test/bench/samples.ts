// SPDX-License-Identifier: Apache-2.0
// The content of samples.json.
import { readFileSync } from 'node:fs';
import type { CaseName } from './cases.ts';
import type { ScalePoint } from './scale.ts';

/** One case of one column. All lists have an entry for each good round, in order. */
export interface Series {
  wallUs: number[];
  cpuUs: number[];
  peakKiB: number[];
  /** Memory of the waiting init, only in the case `init`. */
  privateKiB: number[];
  proportionalKiB: number[];
  failed: number;
  /** Output of its last failure. */
  error?: string;
  syscalls?: Syscalls;
}

export interface Syscalls {
  /** System calls of the process of the command. */
  readonly own: number;
  /** System calls of its descendants until its end, which include the init of the container. */
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
  /** Rounds that began on a busy machine. */
  gaveUp: number;
  /** Rounds that were repeated because other programs used the processors. */
  repeated: number;
  /** Rounds that count although other programs used the processors. */
  disturbed: number;
  /** Per cent of the processors that other programs used, for each round that counts. */
  readonly foreign: number[];
  readonly columns: readonly { readonly name: string; readonly note?: string }[];
  /** By column, then by case. */
  readonly series: Record<string, Partial<Record<CaseName, Series>>>;
  /** Only with `--scale`. */
  scale?: readonly ScalePoint[];
}

/** @throws Error with a message for the user, if the file is not a samples.json */
export function readSamples(file: string): Samples {
  let found: Partial<Samples> | null;
  try {
    found = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new Error(`unable to read ${file}: ${(error as Error).message}`);
  }
  if (!Array.isArray(found?.columns) || typeof found.series !== 'object' || found.series === null)
    throw new Error(`${file} is not the samples.json of a benchmark`);
  return found as Samples;
}

export function emptySeries(): Series {
  return { wallUs: [], cpuUs: [], peakKiB: [], privateKiB: [], proportionalKiB: [], failed: 0 };
}

/** The series of a column and case; created if missing. */
export function seriesOf(samples: Samples, column: string, name: CaseName): Series {
  samples.series[column] ??= {};
  const found = samples.series[column][name] ?? emptySeries();
  samples.series[column][name] = found;
  return found;
}

/** The values of the plot and of the ratios: milliseconds, or KiB for `init`. */
export function values(series: Series | undefined, name: CaseName): readonly number[] {
  if (series === undefined) return [];
  return name === 'init' ? series.privateKiB : series.wallUs.map(us => us / 1000);
}

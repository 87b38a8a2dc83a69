// SPDX-License-Identifier: Apache-2.0
import { duration } from '../direct/describe.ts';

/** Returns a table with columns as wide as their widest cell and three blanks between them. */
export function tableText(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map(row => [...(row[column] ?? '')].length)),
  );
  const line = (row: readonly string[]) =>
    row
      .map((cell, column) => cell + ' '.repeat((widths[column] ?? 0) + 3 - [...cell].length))
      .join('')
      .trimEnd();
  return rows.map(row => `${line(row)}\n`).join('');
}

/** `4.26MB`: in powers of 1000, as Docker prints sizes. */
export function decimalSize(bytes: number, digits = 3): string {
  // From here on, the number would be rounded to 1000.
  const limit = 1000 - 0.5 * 10 ** (3 - digits);
  return scaled(bytes, { limit, step: 1000, units: ['B', 'kB', 'MB', 'GB', 'TB'], digits });
}

/** `1.5MiB`: in powers of 1024. */
export function binarySize(bytes: number): string {
  return scaled(bytes, { limit: 1024, step: 1024, units: ['B', 'KiB', 'MiB', 'GiB', 'TiB'], digits: 4 });
}

interface Scale {
  /** From this number on, the next unit is used. */
  readonly limit: number;
  readonly step: number;
  readonly units: readonly string[];
  readonly digits: number;
}

function scaled(bytes: number, { limit, step, units, digits }: Scale): string {
  let value = bytes;
  let unit = 0;
  while (value >= limit && unit < units.length - 1) {
    value /= step;
    unit++;
  }
  return `${Number(value.toPrecision(digits))}${units[unit]}`;
}

const nanosecondsPerSecond = 1_000_000_000n;

/**
 * `5 minutes ago`, in Docker's words; `N/A` for a text that is not a time.
 *
 * @param time - RFC 3339
 * @param now - nanoseconds since 1970
 */
export function ago(time: string, now: bigint): string {
  const then = Date.parse(time.replace(/(\.\d{3})\d+/, '$1'));
  if (Number.isNaN(then)) return 'N/A';
  return `${duration(Number(now / nanosecondsPerSecond) - Math.floor(then / 1000))} ago`;
}

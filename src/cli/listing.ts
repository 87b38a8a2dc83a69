// SPDX-License-Identifier: Apache-2.0

/** A table with columns as wide as their widest cell and three blanks between them. */
export function tableText(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map(row => row[column]?.length ?? 0)));
  const line = (row: readonly string[]) =>
    row
      .map((cell, column) => cell.padEnd((widths[column] ?? 0) + 3))
      .join('')
      .trimEnd();
  return rows.map(row => `${line(row)}\n`).join('');
}

/** `4.26MB`: three digits in powers of 1000, as Docker prints sizes. */
export function decimalSize(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${Number(value.toPrecision(3))}${units[unit]}`;
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

/** `About an hour`, `3 days`. */
export function duration(seconds: number): string {
  if (seconds < 1) return 'Less than a second';
  if (seconds === 1) return '1 second';
  if (seconds < 60) return `${seconds} seconds`;
  const minutes = Math.floor(seconds / 60);
  if (minutes === 1) return 'About a minute';
  if (minutes < 60) return `${minutes} minutes`;
  const hours = Math.floor(seconds / 3600 + 0.5);
  if (hours === 1) return 'About an hour';
  if (hours < 48) return `${hours} hours`;
  if (hours < 24 * 7 * 2) return `${Math.floor(hours / 24)} days`;
  if (hours < 24 * 30 * 2) return `${Math.floor(hours / 24 / 7)} weeks`;
  if (hours < 24 * 365 * 2) return `${Math.floor(hours / 24 / 30)} months`;
  return `${Math.floor(seconds / 3600 / 24 / 365)} years`;
}

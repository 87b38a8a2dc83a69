// SPDX-License-Identifier: Apache-2.0

const block = 512;
/** Larger sizes do not fit in the eleven octal digits of a header. */
const largestSize = 8 ** 11 - 1;

/**
 * Returns the tar header of a file, or of a directory if `name` ends with a slash. The owner is root, the time 1970.
 */
export function tarHeader(name: string, size: number): string {
  const isDirectory = name.endsWith('/');
  if (size <= largestSize) return headerOf(name, size, isDirectory ? '5' : '0', isDirectory ? 0o755 : 0o644);
  const record = sizeRecord(size);
  return `${headerOf('pax', record.length, 'x', 0o644)}${record}${tarPadding(record.length)}${headerOf(name, 0, '0', 0o644)}`;
}

/** Returns the zeros that follow the data of a file. */
export function tarPadding(size: number): string {
  return '\0'.repeat((block - (size % block)) % block);
}

/** The end of an archive. */
export const tarEnd = '\0'.repeat(2 * block);

/** Returns a record of a pax header: its length, which counts its own digits, and the size. */
function sizeRecord(size: number): string {
  const rest = ` size=${size}\n`;
  const length = rest.length + 2;
  return `${length}${rest}`;
}

/** @param name - ASCII, at most 100 characters */
function headerOf(name: string, size: number, kind: string, mode: number): string {
  const fields = (sum: string) =>
    [
      name.padEnd(100, '\0'),
      octal(mode, 7),
      octal(0, 7),
      octal(0, 7),
      octal(size, 11),
      octal(0, 11),
      sum,
      kind,
      '\0'.repeat(100),
      'ustar\x0000',
      '\0'.repeat(64),
      octal(0, 7),
      octal(0, 7),
    ].join('');
  const text = fields(' '.repeat(8));
  let sum = 0;
  for (let i = 0; i < text.length; i++) sum += text.charCodeAt(i);
  return fields(`${octal(sum, 6)} `).padEnd(block, '\0');
}

function octal(value: number, digits: number): string {
  return `${value.toString(8).padStart(digits, '0')}\0`;
}

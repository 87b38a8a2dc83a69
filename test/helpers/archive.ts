// SPDX-License-Identifier: Apache-2.0
// Writes tar archives, also those that no program would write.

export interface TarEntry {
  readonly name: string;
  /** The type flag. Default: a file. */
  readonly kind?: string;
  readonly data?: string | Buffer;
  readonly link?: string;
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  /** Seconds since 1970. */
  readonly time?: number;
  readonly device?: readonly [number, number];
  /** Records of a pax header in front of the entry. */
  readonly pax?: Readonly<Record<string, string | Buffer>>;
  /** The size in the header if it is not that of the data. */
  readonly size?: number;
}

const block = 512;

/** An archive with these entries, and the two blocks at its end. */
export function tarOf(entries: readonly TarEntry[]): Buffer {
  return Buffer.concat([...entries.map(entryOf), Buffer.alloc(2 * block)]);
}

/** Header and data of one entry. A name of more than 100 bytes is in a pax header. */
export function entryOf(entry: TarEntry): Buffer {
  const { name, data = '', kind = '0', pax = {} } = entry;
  const isLong = Buffer.byteLength(name) > 100;
  const records = {
    ...(isLong && { path: name }),
    ...(entry.link !== undefined && Buffer.byteLength(entry.link) > 100 && { linkpath: entry.link }),
    ...pax,
  };
  const bytes = typeof data === 'string' ? Buffer.from(data) : data;
  const front = Object.entries(records).map(([key, value]) => recordOf(key, value));
  return Buffer.concat([
    ...(front.length > 0 ? [entryOf({ name: 'pax', kind: 'x', data: Buffer.concat(front) })] : []),
    header({ ...entry, kind, size: entry.size ?? bytes.length }),
    padded(bytes),
  ]);
}

/** `LENGTH KEY=VALUE\n`, where the length counts itself. */
function recordOf(key: string, value: string | Buffer): Buffer {
  const rest = Buffer.concat([Buffer.from(` ${key}=`), Buffer.from(value), Buffer.from('\n')]);
  let length = rest.length;
  while (String(length).length + rest.length !== length) length = String(length).length + rest.length;
  return Buffer.concat([Buffer.from(String(length)), rest]);
}

function header(entry: TarEntry): Buffer {
  const at = Buffer.alloc(block);
  at.write(entry.name.slice(0, 100), 0);
  at.write(octal(entry.mode ?? (entry.kind === '5' ? 0o755 : 0o644), 7), 100);
  at.write(octal(entry.uid ?? 0, 7), 108);
  at.write(octal(entry.gid ?? 0, 7), 116);
  at.write(octal(entry.size ?? 0, 11), 124);
  at.write(octal(entry.time ?? 1_700_000_000, 11), 136);
  at.write(entry.kind ?? '0', 156);
  at.write((entry.link ?? '').slice(0, 100), 157);
  at.write('ustar\x0000', 257);
  const [major, minor] = entry.device ?? [0, 0];
  at.write(octal(major, 7), 329);
  at.write(octal(minor, 7), 337);
  return withSum(at);
}

/** Writes the checksum into a header. */
export function withSum(at: Buffer): Buffer {
  at.write(' '.repeat(8), 148);
  at.write(
    `${octal(
      at.reduce((sum, byte) => sum + byte, 0),
      6,
    )}\0 `,
    148,
  );
  return at;
}

function octal(value: number, digits: number): string {
  return value.toString(8).padStart(digits, '0');
}

export function padded(bytes: Buffer): Buffer {
  return Buffer.concat([bytes, Buffer.alloc((block - (bytes.length % block)) % block)]);
}

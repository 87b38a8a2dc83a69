// SPDX-License-Identifier: Apache-2.0
import { errno } from '../errors/errno.ts';
import { RuntimeError } from '../errors/error.ts';
import { hostFailure } from '../errors/system.ts';
import { visible } from '../errors/visible.ts';
import type { Binding, Unpacked } from '../host/binding.d.ts';
import { findProgram } from '../host/find-program.ts';

export type Compression = 'none' | 'gzip' | 'zstd' | 'bzip2' | 'xz';

/** Longer names are cut in messages: an archive may have names of a megabyte. */
const longestName = 200;

/** First bytes of compressed files. The programs that decompress them have the same names. */
const magics: readonly (readonly [magic: string, Compression])[] = [
  ['1f8b', 'gzip'],
  ['28b52ffd', 'zstd'],
  ['425a68', 'bzip2'],
  ['fd377a58', 'xz'],
];

/** Returns the compression of a file, from its first bytes. */
export function compressionOfFile(binding: Binding, path: string): Compression {
  const start = binding.readStart(path, 4);
  const hex = [...start].map(byte => byte.toString(16).padStart(2, '0')).join('');
  return magics.find(([magic]) => hex.startsWith(magic))?.[1] ?? 'none';
}

/**
 * Returns the command that decompresses its standard input.
 *
 * @param what - the compressed file, for messages: `layer sha256:1234`
 * @throws RuntimeError `image.no-decompressor`
 */
export function decompressorOf(binding: Binding, compression: Compression, what: string): readonly string[] {
  if (compression === 'none') return [];
  const program = findProgram(binding, compression);
  if (program !== undefined) return [program, '-dc'];
  throw new RuntimeError({
    code: 'image.no-decompressor',
    message: `unable to decompress ${what}: ${compression} is not installed`,
    value: compression,
    hint: `install the package ${compression === 'xz' ? 'xz-utils' : compression}`,
  });
}

/**
 * Throws the error of an archive that was not unpacked whole.
 *
 * @param what - the archive: `layer sha256:1234`
 * @param place - the directory into which it is unpacked
 * @param bytes - length of the archive as it is stored
 */
export function requireUnpacked(
  { problem, limit, decompressor, size }: Unpacked,
  { what, place, bytes }: { readonly what: string; readonly place: string; readonly bytes: number },
): void {
  if (limit !== undefined) {
    throw new RuntimeError({
      code: 'image.disk-full',
      message: `unable to unpack ${what}: it has more than the ${mebibytes(limit)} that are free in ${place}`,
      path: place,
      hint: `the archive itself has ${mebibytes(bytes)}. tsubo image prune removes what no image needs`,
    });
  }
  if (problem !== undefined && problem.syscall !== '') {
    const entry = problem.entry === '' ? '' : ` at ${shortName(problem.entry)}`;
    const isNoSpace = problem.errno === errno.ENOSPC || problem.errno === errno.EDQUOT;
    // The attributes of one file have a limit of their own: a block in ext4.
    const isOfAttributes = isNoSpace && problem.syscall.includes('setxattr');
    const isFull = isNoSpace && !isOfAttributes;
    throw hostFailure({ ...problem, path: place }, `unable to unpack ${what}${entry}`, {
      value: problem.entry === '' ? undefined : problem.entry,
      ...(isFull && {
        code: 'image.disk-full' as const,
        hint: `${mebibytes(size)} of its files were written before ${place} was full; the archive itself has ${mebibytes(bytes)}. tsubo image prune removes what no image needs`,
      }),
      ...(isOfAttributes && {
        hint: 'the file has more extended attributes than the file system can store',
      }),
      ...(problem.errno === errno.ENAMETOOLONG && {
        hint: 'a name may have 255 bytes, and a path 4,095',
      }),
    });
  }
  // A decompressor that fails ends the archive early: its message has the cause.
  if (decompressor !== undefined) {
    throw new RuntimeError({
      code: 'image.archive',
      message: `unable to decompress ${what}: ${visible(decompressor)}`,
      detail: decompressor,
      hint: 'the file is damaged: get it again',
    });
  }
  if (problem === undefined) return;
  const { entry, offset, reason } = problem;
  const at = entry === '' ? '' : ` at ${shortName(entry)}`;
  throw new RuntimeError({
    code: 'image.archive',
    message: `unable to unpack ${what}${at}: ${shortName(reason)}`,
    ...(entry !== '' && { value: entry }),
    detail: `byte ${offset} of the uncompressed archive`,
    hint: 'the archive is damaged, or it was made to do harm: nothing outside the directory of the layer was written',
  });
}

function shortName(name: string): string {
  return visible(name.length > longestName ? `${name.slice(0, longestName)}...` : name);
}

/** `3 MiB`; at least one. */
function mebibytes(bytes: number): string {
  return `${Math.max(1, Math.round(bytes / (1 << 20)))} MiB`;
}

// SPDX-License-Identifier: Apache-2.0
import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';

/** The argument with which this program decompresses its standard input. */
export const inflateWord = 'inflate';

/** Bytes. With smaller pieces, the overhead for each takes as long as its decompression. */
const chunkSize = 256 << 10;

/** Node's zlib takes half of the processor time of the program gzip. */
export function inflateCommand(): readonly string[] {
  return [process.execPath, process.argv[1] ?? '', inflateWord];
}

/** Writes the decompressed standard input. A failure is one line on standard error. */
export async function inflate(): Promise<void> {
  try {
    const source = createReadStream('', { fd: 0, highWaterMark: chunkSize });
    await pipeline(source, createGunzip({ chunkSize }), process.stdout);
  } catch (error) {
    process.exitCode = 1;
    // EPIPE: the reader has exited, and reports its own error.
    if ((error as NodeJS.ErrnoException).code === 'EPIPE') return;
    process.stderr.write(`gzip: ${(error as Error).message}\n`);
  }
}

// SPDX-License-Identifier: Apache-2.0

const programInterpreter = 3; // PT_INTERP

/**
 * Offsets of the program headers of a 64-bit little-endian ELF executable.
 * @param {Buffer} file
 */
function headers(file) {
  const offset = Number(file.readBigUInt64LE(0x20));
  const size = file.readUInt16LE(0x36);
  return Array.from({ length: file.readUInt16LE(0x38) }, (_, index) => offset + index * size);
}

/**
 * The program headers of an ELF executable.
 * @param {Buffer} file
 */
export function segments(file) {
  return headers(file).map(at => ({
    type: file.readUInt32LE(at),
    flags: file.readUInt32LE(at + 0x04),
    offset: Number(file.readBigUInt64LE(at + 0x08)),
    address: file.readBigUInt64LE(at + 0x10),
    fileBytes: Number(file.readBigUInt64LE(at + 0x20)),
  }));
}

/**
 * True if the kernel starts a dynamic linker for this executable.
 * @param {Buffer} file
 */
export function isDynamic(file) {
  return headers(file).some(at => file.readUInt32LE(at) === programInterpreter);
}

const loaded = 1; // PT_LOAD

/**
 * Offset of the program header of the segment at `address`.
 *
 * @param {Buffer} file
 * @param {bigint} address
 */
function headerOf(file, address) {
  const header = headers(file).find(
    at => file.readUInt32LE(at) === loaded && file.readBigUInt64LE(at + 0x10) === address,
  );
  if (header === undefined) throw new Error(`no segment at 0x${address.toString(16)}`);
  return header;
}

/**
 * The executable without the segment at `address`, which is the last of the file, and without sections, which are not
 * needed to run it. Nothing else moves.
 *
 * @param {Buffer} file
 * @param {bigint} address
 */
export function dropSegment(file, address) {
  const header = headerOf(file, address);
  const cut = Buffer.from(file.subarray(0, Number(file.readBigUInt64LE(header + 0x08))));
  cut.writeUInt32LE(0, header); // PT_NULL
  cut.writeBigUInt64LE(0n, 0x28);
  cut.writeUInt16LE(0, 0x3c);
  cut.writeUInt16LE(0, 0x3e);
  return cut;
}

/**
 * The executable with `contents` in the empty segment at `address`. The contents are appended to the file, and the
 * segment ends with them. Nothing else moves.
 *
 * @param {Buffer} file
 * @param {bigint} address
 * @param {Buffer} contents
 */
export function fillSegment(file, address, contents) {
  const header = headerOf(file, address);
  const align = Number(file.readBigUInt64LE(header + 0x30));
  // Whole pages, because the kernel would have to clear the rest of a page at every start.
  const whole = (/** @type {number} */ bytes, /** @type {number} */ to) => Math.ceil(bytes / to) * to;
  const begin = whole(file.length, align);
  const bytes = whole(contents.length, align);
  const filled = Buffer.alloc(begin + bytes);
  file.copy(filled);
  contents.copy(filled, begin);
  filled.writeBigUInt64LE(BigInt(begin), header + 0x08);
  filled.writeBigUInt64LE(BigInt(bytes), header + 0x20);
  filled.writeBigUInt64LE(BigInt(bytes), header + 0x28);
  return filled;
}

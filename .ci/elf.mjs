// SPDX-License-Identifier: Apache-2.0

const programInterpreter = 3; // PT_INTERP

/**
 * True when the kernel would start a dynamic linker for this 64-bit little-endian ELF executable.
 * @param {Buffer} file
 */
export function isDynamic(file) {
  const offset = Number(file.readBigUInt64LE(0x20));
  const size = file.readUInt16LE(0x36);
  const count = file.readUInt16LE(0x38);
  return Array.from({ length: count }, (_, index) => file.readUInt32LE(offset + index * size)).includes(
    programInterpreter,
  );
}

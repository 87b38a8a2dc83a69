// SPDX-License-Identifier: Apache-2.0

/** No string of `units` UTF-16 units is longer than this in UTF-8. */
export function maxUtf8Length(units: number): number {
  return units * 3;
}

/**
 * Writes `text` as UTF-8 from `at` on; a surrogate without its other half becomes U+FFFD.
 * There must be room for `maxUtf8Length(text.length)` bytes.
 *
 * @returns where the text ends
 */
export function writeUtf8(bytes: Uint8Array, at: number, text: string): number {
  const units = text.length;
  for (let i = 0; i < units; i++) {
    let code = text.charCodeAt(i);
    if (code < 0x80) {
      bytes[at++] = code;
      continue;
    }
    if (code < 0x800) {
      bytes[at++] = 0xc0 | (code >> 6);
      bytes[at++] = 0x80 | (code & 0x3f);
      continue;
    }
    if (code >= 0xd800 && code <= 0xdfff) {
      // Past the end charCodeAt gives NaN, which is no low surrogate either.
      const next = code < 0xdc00 ? text.charCodeAt(i + 1) : 0;
      if (next >= 0xdc00 && next <= 0xdfff) {
        i++;
        code = 0x10000 + ((code - 0xd800) << 10) + (next - 0xdc00);
        bytes[at++] = 0xf0 | (code >> 18);
        bytes[at++] = 0x80 | ((code >> 12) & 0x3f);
        bytes[at++] = 0x80 | ((code >> 6) & 0x3f);
        bytes[at++] = 0x80 | (code & 0x3f);
        continue;
      }
      code = 0xfffd;
    }
    bytes[at++] = 0xe0 | (code >> 12);
    bytes[at++] = 0x80 | ((code >> 6) & 0x3f);
    bytes[at++] = 0x80 | (code & 0x3f);
  }
  return at;
}

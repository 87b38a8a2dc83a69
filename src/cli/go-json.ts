// SPDX-License-Identifier: Apache-2.0

/**
 * The special characters of HTML, which Go escapes too, and the characters that a terminal would act on: DEL, C1, changes
 * of direction.
 */
const escaped = /[<>&\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

/** Marks a bigint in a string until it is written as a plain integer; no other text begins with this. */
const mark = '\u0000integer ';

/** Encodes JSON like Go's encoder, which also escapes the special characters of HTML. */
export function goJson(value: unknown, indent?: string): string {
  return encode(value, indent)
    .replace(escaped, character => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`)
    .replace(/"\\u0000integer (\d+)"/g, '$1');
}

/** Encodes without a function for each member first: it takes most of the time, and only a bigint needs it. */
function encode(value: unknown, indent: string | undefined): string {
  try {
    return JSON.stringify(value, undefined, indent);
  } catch {
    return JSON.stringify(value, exact, indent);
  }
}

function exact(_name: string, value: unknown): unknown {
  return typeof value === 'bigint' ? `${mark}${value}` : value;
}

// SPDX-License-Identifier: Apache-2.0

const escapes: Readonly<Record<string, string>> = {
  '<': '\\u003c',
  '>': '\\u003e',
  '&': '\\u0026',
  '\u2028': '\\u2028',
  '\u2029': '\\u2029',
};

/** Marks a bigint in a string until it is written as a plain integer; no other text begins with this. */
const mark = '\u0000integer ';

/** Encodes JSON like Go's encoder, which also escapes the special characters of HTML. */
export function goJson(value: unknown, indent?: string): string {
  return JSON.stringify(value, exact, indent)
    .replace(/[<>&\u2028\u2029]/g, character => escapes[character] ?? character)
    .replace(/"\\u0000integer (\d+)"/g, '$1');
}

function exact(_name: string, value: unknown): unknown {
  return typeof value === 'bigint' ? `${mark}${value}` : value;
}

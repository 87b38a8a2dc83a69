// SPDX-License-Identifier: Apache-2.0

const escapes: Readonly<Record<string, string>> = {
  '<': '\\u003c',
  '>': '\\u003e',
  '&': '\\u0026',
  '\u2028': '\\u2028',
  '\u2029': '\\u2029',
};

/** What stands for a bigint until it is written as an integer like every other; no other text begins like this. */
const mark = '\u0000integer ';

/** JSON as Go's encoder writes it: the characters that HTML minds are escaped, also outside of HTML. */
export function goJson(value: unknown, indent?: string): string {
  return JSON.stringify(value, exact, indent)
    .replace(/[<>&\u2028\u2029]/g, character => escapes[character] ?? character)
    .replace(/"\\u0000integer (\d+)"/g, '$1');
}

function exact(_name: string, value: unknown): unknown {
  return typeof value === 'bigint' ? `${mark}${value}` : value;
}

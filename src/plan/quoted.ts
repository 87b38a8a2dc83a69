// SPDX-License-Identifier: Apache-2.0

/** Unchanged if it is one plain word, otherwise as JSON. */
export function quoted(text: string): string {
  return /^[\w./:=,@%+-]+$/.test(text) ? text : JSON.stringify(text);
}

/** The texts of lists: hooks share the environment and the state, which may be large. */
const known = new WeakMap<readonly unknown[], string>();

/** `[a "b c"]` */
export function listText(list: readonly unknown[]): string {
  let text = known.get(list);
  if (text === undefined) {
    text = `[${list.map(item => quoted(String(item))).join(' ')}]`;
    known.set(list, text);
  }
  return text;
}

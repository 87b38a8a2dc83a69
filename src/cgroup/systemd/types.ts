// SPDX-License-Identifier: Apache-2.0

/**
 * A value on the bus. Which of D-Bus's types it is tells the signature beside it: `x` and `t` are numbers or bigints (what
 * is read is a bigint), structures, arrays and dictionary entries are lists.
 */
export type Value = boolean | number | bigint | string | readonly Value[] | Variant;

/** A value that brings its type along. */
export interface Variant {
  readonly signature: string;
  readonly value: Value;
}

/** What the bytes of a message cannot be: the peer speaks something else, or the caller gave what the signature is not. */
export class MarshalError extends Error {}

/** Where a value of this type begins: at a multiple of so many bytes. */
export function alignmentOf(type: string): number {
  switch (type[0]) {
    case 'n':
    case 'q':
      return 2;
    case 'b':
    case 'i':
    case 'u':
    case 's':
    case 'o':
    case 'a':
    case 'h':
      return 4;
    case 'x':
    case 't':
    case 'd':
    case '(':
    case '{':
      return 8;
    default:
      return 1;
  }
}

/** The single complete types that a signature is made of: `sa{sv}u` is `s`, `a{sv}`, `u`. */
export function completeTypes(signature: string): string[] {
  const types: string[] = [];
  for (let at = 0; at < signature.length; ) {
    const end = endOfType(signature, at);
    types.push(signature.slice(at, end));
    at = end;
  }
  return types;
}

const closing: Readonly<Record<string, string>> = { '(': ')', '{': '}' };

function endOfType(signature: string, start: number): number {
  let at = start;
  while (signature[at] === 'a') at++;
  const first = signature[at];
  if (first === undefined) throw new MarshalError(`no signature: ${signature}`);
  const close = closing[first];
  if (close === undefined) {
    if (!'ybnqiuxtdsogvh'.includes(first)) throw new MarshalError(`no signature: ${signature}`);
    return at + 1;
  }
  at++;
  while (signature[at] !== close) at = endOfType(signature, at);
  return at + 1;
}

/** What stands between the brackets of a structure or a dictionary entry. */
export function fieldTypes(type: string): string[] {
  return completeTypes(type.slice(1, -1));
}

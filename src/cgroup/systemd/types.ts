// SPDX-License-Identifier: Apache-2.0

/**
 * A D-Bus value. The signature beside it contains its type: `x` and `t` are numbers or bigints (the reader returns
 * bigints); structures, arrays and dictionary entries are lists.
 */
export type Value = boolean | number | bigint | string | readonly Value[] | Variant;

/** A value with its own type. */
export interface Variant {
  readonly signature: string;
  readonly value: Value;
}

/** A message has invalid content: the peer uses another protocol, or a value does not match its signature. */
export class MarshalError extends Error {}

/** Returns the alignment of a type in bytes. */
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

/** Splits a signature into its single complete types: `sa{sv}u` into `s`, `a{sv}`, `u`. */
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
  if (first === undefined) throw new MarshalError(`invalid signature: ${signature}`);
  const close = closing[first];
  if (close === undefined) {
    if (!'ybnqiuxtdsogvh'.includes(first)) throw new MarshalError(`invalid signature: ${signature}`);
    return at + 1;
  }
  at++;
  while (signature[at] !== close) at = endOfType(signature, at);
  return at + 1;
}

/** Returns the types between the brackets of a structure or dictionary entry. */
export function fieldTypes(type: string): string[] {
  return completeTypes(type.slice(1, -1));
}

// SPDX-License-Identifier: Apache-2.0
import { code, JsonScanner } from './json-scanner.ts';
import { parsePointer } from './pointer.ts';
import { type TextPosition, textPosition } from './text-position.ts';

/**
 * Where in the text the value of a pointer begins. For a value that is not there (a property that is missing) the
 * nearest one around it. Names are matched as the checks match them: in their own spelling, else in any case.
 *
 * Reads the text again, so it is for rendering an error only.
 *
 * Precondition: `text` is one that parseJson accepts.
 */
export function locate(text: string, pointer: string): TextPosition {
  const scanner = new JsonScanner(text);
  scanner.peek();
  let offset = scanner.offset;
  for (const token of parsePointer(pointer)) {
    const found = member(text, offset, token);
    if (found === undefined) break;
    offset = found;
  }
  return textPosition(text, offset);
}

/** The offset of a member's value in the array or object at `offset`. */
function member(text: string, offset: number, token: string): number | undefined {
  const scanner = new JsonScanner(text);
  scanner.offset = offset;
  const opening = scanner.peek();
  if (opening === code.openBracket) return element(scanner, token);
  if (opening !== code.openBrace) return undefined;
  const folded = token.toLowerCase();
  let exact: number | undefined;
  let similar: number | undefined;
  scanner.offset++;
  if (scanner.peek() === code.closeBrace) return undefined;
  do {
    const key = scanner.key();
    scanner.peek();
    // The last one of a name counts.
    if (key === token) exact = scanner.offset;
    else if (key.toLowerCase() === folded) similar = scanner.offset;
    skipValue(scanner);
  } while (another(scanner));
  return exact ?? similar;
}

function element(scanner: JsonScanner, token: string): number | undefined {
  let left = /^\d+$/.test(token) ? Number(token) : -1;
  scanner.offset++;
  if (scanner.peek() === code.closeBracket) return undefined;
  do {
    scanner.peek();
    if (left-- === 0) return scanner.offset;
    skipValue(scanner);
  } while (another(scanner));
  return undefined;
}

function another(scanner: JsonScanner): boolean {
  const isComma = scanner.peek() === code.comma;
  scanner.offset++;
  return isComma;
}

/** Passes over a whole value by counting its brackets. */
function skipValue(scanner: JsonScanner): void {
  let depth = 0;
  do {
    const next = scanner.peek();
    if (next === code.quote) scanner.skipString();
    else if (next === code.openBrace || next === code.openBracket) {
      depth++;
      scanner.offset++;
    } else if (next === code.closeBrace || next === code.closeBracket) {
      depth--;
      scanner.offset++;
    } else if (next === code.comma || next === code.colon) scanner.offset++;
    else scanner.scalar();
  } while (depth > 0);
}

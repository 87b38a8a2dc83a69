// SPDX-License-Identifier: Apache-2.0
import { code, JsonScanner } from './json-scanner.ts';
import { parsePointer } from './pointer.ts';
import { type TextPosition, textPositions } from './text-position.ts';

/**
 * Returns the position of the value at a pointer; for a missing value, that of the nearest enclosing value. Names match
 * by the rules of the checks: in exact case; without such a member, in any case.
 *
 * It scans the text again, therefore use it only to render an error.
 *
 * Precondition: parseJson accepts `text`.
 */
export function locate(text: string, pointer: string): TextPosition {
  return locateAll(text, [pointer])[0] as TextPosition;
}

/** Like locate for several pointers; it scans the text once. */
export function locateAll(text: string, pointers: readonly string[]): TextPosition[] {
  return textPositions(text, locateOffsets(text, pointers));
}

/** Like locateAll, but returns offsets in the text. */
export function locateOffsets(text: string, pointers: readonly string[]): number[] {
  const root = newLocated();
  const paths = pointers.map(parsePointer);
  for (const path of paths) addPath(root, path);
  locateValues(new JsonScanner(text), root);
  return paths.map(path => offsetOf(root, path));
}

/** A requested value, or a value that contains one. */
interface Located {
  offset: number;
  /**
   * Number of times that this value was read. Only the last member of a name is used, without the contents of earlier
   * ones.
   */
  reads: number;
  /** The read of the enclosing value in which this value was found. */
  seenIn: number;
  /** The name was found in exact case. */
  exact: boolean;
  /** The requested values inside, by name or index. */
  inside: Map<string, Located> | undefined;
  /** The same by name in lower case; created when a name is not in `inside`. */
  folded: Map<string, Located> | undefined;
}

function newLocated(): Located {
  return { offset: 0, reads: 0, seenIn: -1, exact: false, inside: undefined, folded: undefined };
}

function addPath(root: Located, path: readonly string[]): void {
  let place = root;
  for (const token of path) {
    place.inside ??= new Map();
    let next = place.inside.get(token);
    if (next === undefined) {
      next = newLocated();
      place.inside.set(token, next);
    }
    place = next;
  }
}

function offsetOf(root: Located, path: readonly string[]): number {
  let place = root;
  for (const token of path) {
    const next = place.inside?.get(token);
    if (next?.seenIn !== place.reads) break;
    place = next;
  }
  return place.offset;
}

/** Reads one value and moves the scanner past it. The recursion is limited by the length of the pointers. */
function locateValues(scanner: JsonScanner, place: Located): void {
  const opening = scanner.peek();
  place.offset = scanner.offset;
  place.reads++;
  if (place.inside === undefined) skipValue(scanner);
  else if (opening === code.openBracket) findInArray(scanner, place, place.inside);
  else if (opening === code.openBrace) findInObject(scanner, place, place.inside);
  else skipValue(scanner);
}

function findInArray(scanner: JsonScanner, place: Located, inside: ReadonlyMap<string, Located>): void {
  scanner.offset++;
  if (scanner.peek() === code.closeBracket) {
    scanner.offset++;
    return;
  }
  let index = 0;
  let left = inside.size;
  do {
    const wanted = inside.get(String(index++));
    if (wanted !== undefined) {
      found(scanner, place, wanted, true);
      left--;
    } else if (left > 0) skipValue(scanner);
    else {
      skipBrackets(scanner, 1);
      return;
    }
  } while (another(scanner));
}

function findInObject(scanner: JsonScanner, place: Located, inside: ReadonlyMap<string, Located>): void {
  scanner.offset++;
  if (scanner.peek() === code.closeBrace) {
    scanner.offset++;
    return;
  }
  do {
    const key = scanner.key();
    const wanted = inside.get(key);
    if (wanted !== undefined) {
      found(scanner, place, wanted, true);
      continue;
    }
    place.folded ??= fold(inside);
    const similar = place.folded.get(key.toLowerCase());
    const better = similar?.exact === true && similar.seenIn === place.reads;
    if (similar === undefined || better) skipValue(scanner);
    else found(scanner, place, similar, false);
  } while (another(scanner));
}

function fold(inside: ReadonlyMap<string, Located>): Map<string, Located> {
  return new Map([...inside].map(([name, place]) => [name.toLowerCase(), place]));
}

function found(scanner: JsonScanner, around: Located, wanted: Located, exact: boolean): void {
  wanted.seenIn = around.reads;
  wanted.exact = exact;
  locateValues(scanner, wanted);
}

function another(scanner: JsonScanner): boolean {
  const isComma = scanner.peek() === code.comma;
  scanner.offset++;
  return isComma;
}

function skipValue(scanner: JsonScanner): void {
  const next = scanner.peek();
  if (next === code.quote) scanner.skipString();
  else if (next === code.openBrace || next === code.openBracket) skipBrackets(scanner, 0);
  else scanner.skipScalar();
}

/** Skips everything up to the closing bracket of the outermost open one. */
function skipBrackets(scanner: JsonScanner, open: number): void {
  const { text } = scanner;
  let depth = open;
  do {
    const next = text.charCodeAt(scanner.offset);
    if (next === code.quote) {
      scanner.skipString();
      continue;
    }
    scanner.offset++;
    if (next === code.openBrace || next === code.openBracket) depth++;
    else if (next === code.closeBrace || next === code.closeBracket) depth--;
  } while (depth > 0);
}

// SPDX-License-Identifier: Apache-2.0
import { code, JsonScanner } from './json-scanner.ts';
import { parsePointer } from './pointer.ts';
import { type TextPosition, textPositions } from './text-position.ts';

/**
 * Where in the text the value of a pointer begins. For a value that is not there (a property that is missing) the
 * nearest one around it. Names are matched as the checks match them: in their own spelling, else in any case.
 *
 * Reads the text again, so it is for rendering an error only.
 *
 * Precondition: `text` is one that parseJson accepts.
 */
export function locate(text: string, pointer: string): TextPosition {
  return locateAll(text, [pointer])[0] as TextPosition;
}

/** As locate, for any number of pointers: the text is read once. */
export function locateAll(text: string, pointers: readonly string[]): TextPosition[] {
  return textPositions(text, locateOffsets(text, pointers));
}

/** The same places, as offsets in the text. */
export function locateOffsets(text: string, pointers: readonly string[]): number[] {
  const root = newPlace();
  const paths = pointers.map(parsePointer);
  for (const path of paths) want(root, path);
  findPlaces(new JsonScanner(text), root);
  return paths.map(path => offsetOf(root, path));
}

/** A value that is wanted, or that one is in. */
interface Place {
  offset: number;
  /** How often it has been read: the last one of a name counts, and what an earlier one held does not. */
  reads: number;
  /** In which read of the value around it. */
  seenIn: number;
  /** In its own spelling. */
  exact: boolean;
  /** By name or index. */
  inside: Map<string, Place> | undefined;
  /** By name in lower case; made when a name is met that is not in `inside`. */
  folded: Map<string, Place> | undefined;
}

function newPlace(): Place {
  return { offset: 0, reads: 0, seenIn: -1, exact: false, inside: undefined, folded: undefined };
}

function want(root: Place, path: readonly string[]): void {
  let place = root;
  for (const token of path) {
    place.inside ??= new Map();
    let next = place.inside.get(token);
    if (next === undefined) {
      next = newPlace();
      place.inside.set(token, next);
    }
    place = next;
  }
}

function offsetOf(root: Place, path: readonly string[]): number {
  let place = root;
  for (const token of path) {
    const next = place.inside?.get(token);
    if (next?.seenIn !== place.reads) break;
    place = next;
  }
  return place.offset;
}

/** Reads one value and leaves the scanner behind it. As deep as the pointers are. */
function findPlaces(scanner: JsonScanner, place: Place): void {
  const opening = scanner.peek();
  place.offset = scanner.offset;
  place.reads++;
  if (place.inside === undefined) skipValue(scanner);
  else if (opening === code.openBracket) findInArray(scanner, place, place.inside);
  else if (opening === code.openBrace) findInObject(scanner, place, place.inside);
  else skipValue(scanner);
}

function findInArray(scanner: JsonScanner, place: Place, inside: ReadonlyMap<string, Place>): void {
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

function findInObject(scanner: JsonScanner, place: Place, inside: ReadonlyMap<string, Place>): void {
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

function fold(inside: ReadonlyMap<string, Place>): Map<string, Place> {
  return new Map([...inside].map(([name, place]) => [name.toLowerCase(), place]));
}

function found(scanner: JsonScanner, around: Place, wanted: Place, exact: boolean): void {
  wanted.seenIn = around.reads;
  wanted.exact = exact;
  findPlaces(scanner, wanted);
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

/** Passes over all up to the bracket that closes the outermost of those that are open. */
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

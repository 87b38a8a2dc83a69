// SPDX-License-Identifier: Apache-2.0
import type { ErrorFields } from '../errors/error.ts';
import { code, JsonScanner } from './json-scanner.ts';
import { formatPointer } from './pointer.ts';
import { textExcerpt, textPosition } from './text-position.ts';

/** An object or array that is being read. */
interface Open {
  readonly isArray: boolean;
  /** Offsets of the names read so far; undefined before the first one. */
  names: Map<string, number> | undefined;
  /** The index of the current array element. */
  index: number;
  /** The name of the current member. */
  name: string;
}

/** The maximum number of reported names. */
const most = 20;

/**
 * Returns warnings for parts of a JSON text that parseJson ignores: members whose name is repeated in the same
 * object, and text after the document.
 *
 * Precondition: parseJson accepts the text.
 */
export function ignoredText(text: string): ErrorFields[] {
  const scanner = new JsonScanner(text);
  const found = repeatedNames(scanner).slice(0, most);
  const after = scanner.peek();
  if (Number.isNaN(after)) return found;
  const isDocument = after === code.openBrace || after === code.openBracket;
  found.push({
    code: 'bundle.config-trailing',
    message: `${isDocument ? 'a second document' : 'text'} follows the document in config.json and is ignored`,
    ...textPosition(text, scanner.offset),
    value: textExcerpt(text, scanner.offset),
    hint: 'remove it: runc ignores it too, crun refuses the file',
  });
  return found;
}

/** Moves the scanner past the document. It reads single characters because only brackets, commas and names matter. */
function repeatedNames(scanner: JsonScanner): ErrorFields[] {
  const { text } = scanner;
  const found: ErrorFields[] = [];
  const open: Open[] = [];
  let around: Open | undefined;
  const first = scanner.peek();
  if (first === code.quote) scanner.skipString();
  else if (first !== code.openBrace && first !== code.openBracket) scanner.skipScalar();
  else {
    do {
      const next = text.charCodeAt(scanner.offset);
      if (next === code.quote) {
        scanner.skipString();
        continue;
      }
      scanner.offset++;
      if (next === code.openBrace || next === code.openBracket) {
        around = { isArray: next === code.openBracket, names: undefined, index: 0, name: '' };
        open.push(around);
        if (!around.isArray) readName(scanner, open, around, found);
      } else if (next === code.closeBrace || next === code.closeBracket) {
        open.pop();
        around = open.at(-1);
      } else if (next === code.comma && around !== undefined) {
        around.index++;
        if (!around.isArray) readName(scanner, open, around, found);
      }
    } while (around !== undefined);
  }
  return found;
}

/** Reads the name of the next member, if there is one. */
function readName(scanner: JsonScanner, open: readonly Open[], object: Open, found: ErrorFields[]): void {
  if (scanner.peek() !== code.quote) return;
  const at = scanner.offset;
  const name = scanner.key();
  object.name = name;
  object.names ??= new Map();
  const first = object.names.get(name);
  object.names.set(name, at);
  if (first === undefined || found.length >= most) return;
  const { line } = textPosition(scanner.text, first);
  found.push({
    code: 'bundle.config-duplicate',
    message: `${JSON.stringify(name)} occurs twice in one object: this value is used, and the one in line ${line} is ignored`,
    pointer: formatPointer(open.map(around => (around.isArray ? around.index : around.name))),
    ...textPosition(scanner.text, at),
    hint: 'remove one of them: runc also uses the last one but merges objects, and crun uses the first',
  });
}

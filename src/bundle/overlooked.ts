// SPDX-License-Identifier: Apache-2.0
import type { ErrorFields } from '../errors/error.ts';
import { code, JsonScanner } from './json-scanner.ts';
import { childPointer } from './pointer.ts';
import { textExcerpt, textPosition } from './text-position.ts';

/** An object or array that is being read. */
interface Open {
  readonly pointer: string;
  /** Offsets of the names that have been read; undefined for an array. */
  readonly names: Map<string, number> | undefined;
  /** Of the next element of an array. */
  index: number;
  /** Of the member that is being read. */
  name: string;
}

/** More of them are not reported. */
const most = 20;

/**
 * Parts of a JSON text that parseJson passes over: members whose name is given again in the same object, and what follows
 * the document.
 *
 * Precondition: parseJson accepts the text.
 */
export function overlookedText(text: string): ErrorFields[] {
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

/** Leaves the scanner behind the document. */
function repeatedNames(scanner: JsonScanner): ErrorFields[] {
  const found: ErrorFields[] = [];
  const open: Open[] = [];
  do {
    const next = scanner.peek();
    const around = open.at(-1);
    if (next === code.openBrace || next === code.openBracket) {
      const pointer = around === undefined ? '' : memberPointer(around);
      open.push({ pointer, names: next === code.openBrace ? new Map() : undefined, index: -1, name: '' });
      scanner.offset++;
      begin(scanner, open.at(-1) as Open, found);
    } else if (next === code.closeBrace || next === code.closeBracket) {
      open.pop();
      scanner.offset++;
    } else if (next === code.comma) {
      scanner.offset++;
      begin(scanner, around as Open, found);
    } else if (next === code.quote) {
      scanner.skipString();
    } else {
      scanner.scalar();
    }
  } while (open.length > 0);
  return found;
}

/** Reads the name of the next member, if there is one. */
function begin(scanner: JsonScanner, object: Open, found: ErrorFields[]): void {
  object.index++;
  if (object.names === undefined || scanner.peek() !== code.quote) return;
  const at = scanner.offset;
  const name = scanner.key();
  object.name = name;
  const first = object.names.get(name);
  object.names.set(name, at);
  if (first === undefined || found.length >= most) return;
  const { line } = textPosition(scanner.text, first);
  found.push({
    code: 'bundle.config-duplicate',
    message: `${JSON.stringify(name)} is given twice in one object: this one counts, and that of line ${line} is ignored`,
    pointer: memberPointer(object),
    ...textPosition(scanner.text, at),
    hint: 'remove one of them: runc takes the last too but merges objects, crun takes the first',
  });
}

function memberPointer(around: Open): string {
  return childPointer(around.pointer, around.names === undefined ? around.index : around.name);
}

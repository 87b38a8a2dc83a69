// SPDX-License-Identifier: Apache-2.0
import type { ErrorFields } from './error.ts';
import { type Colour, labelled, paint, type Style, wrap } from './layout.ts';

/** Returns `config.json:12:7 /mounts/3/type`, or `--memory`; undefined if the error refers to no document. */
function place(error: ErrorFields): string | undefined {
  const { pointer, line, column, document = 'config.json' } = error;
  if (pointer === '') return undefined;
  // An option is shown by its name only.
  if (pointer === undefined && line === undefined) return error.document;
  const file = line === undefined ? document : `${document}:${line}:${column ?? 1}`;
  return pointer ? `${file} ${pointer}` : file;
}

/**
 * Formats the error in one line: the message, then its position in the document. Engines read this line, and some match
 * words in the message, therefore the position follows the message.
 */
export function oneLine(error: ErrorFields): string {
  const message = onOneLine(error.message).trim();
  const at = place(error);
  return at === undefined ? message : `${message} (${onOneLine(at)})`;
}

/** Returns the message in a line of `oneLine`, without the position that the other fields contain. */
export function messageIn(line: string, fields: Omit<ErrorFields, 'code' | 'message'>): string {
  const at = place({ ...fields, code: 'internal', message: '' });
  const end = at === undefined ? '' : ` (${onOneLine(at)})`;
  return end !== '' && line.endsWith(end) ? line.slice(0, -end.length) : line;
}

/** Replaces each line end and the blanks around it by one blank. A regular expression would be slow on many blanks. */
function onOneLine(text: string): string {
  if (!text.includes('\n')) return text;
  const lines = text.split('\n').map(line => line.trim());
  return lines.filter(line => line !== '').join(' ');
}

/** Formats the error for a person: the message, then one line for each other field, the place and the hint first. */
export function manyLines(error: ErrorFields, style: Style = {}): string[] {
  const lines = wrap(error.message.trim(), style.width).map(line => paint(line, 'bold', style));
  const add = (label: string, text: string | undefined, colour?: Colour): void => {
    if (text === undefined) return;
    for (const line of labelled(label, text, style, colour)) lines.push(line);
  };
  add('at', place(error));
  add('hint', error.hint, 'cyan');
  add('kernel', kernelText(error));
  // Does not repeat a value that the message contains.
  if (error.value === undefined || !error.message.includes(error.value)) add('value', error.value);
  add('spec', error.spec);
  for (const problem of (error.problems ?? []).slice(1)) {
    add('also', oneLine(problem));
    if (problem.hint !== undefined) add('', problem.hint);
  }
  for (const leftover of error.cleanup ?? []) add('left', leftover);
  return lines;
}

function kernelText(error: ErrorFields): string | undefined {
  if (error.syscall === undefined || error.errnoName === undefined) return undefined;
  const operand = error.path ?? error.detail;
  return `${error.syscall}(2)${operand === undefined ? '' : ` ${operand}`}: ${error.errnoName}`;
}

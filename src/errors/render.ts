// SPDX-License-Identifier: Apache-2.0
import type { ErrorFields } from './error.ts';
import { type Colour, labelled, paint, type Style, wrap } from './layout.ts';

/** `config.json:12:7 /mounts/3/type`, or `--memory`; undefined when nothing in a document is to blame. */
function place(error: ErrorFields): string | undefined {
  const { pointer, line, column, document = 'config.json' } = error;
  if (pointer === '') return undefined;
  // The name of an option stands alone.
  if (pointer === undefined && line === undefined) return error.document;
  const file = line === undefined ? document : `${document}:${line}:${column ?? 1}`;
  return pointer ? `${file} ${pointer}` : file;
}

/**
 * The failure in one line: the message, and where in its document it comes from. Engines read this line, and some
 * match words inside the message, so the place comes after it.
 */
export function oneLine(error: ErrorFields): string {
  const message = onOneLine(error.message).trim();
  const at = place(error);
  return at === undefined ? message : `${message} (${at})`;
}

/** A line end becomes a blank, with the blanks around it. An expression that looks for them would be slow in many blanks. */
function onOneLine(text: string): string {
  if (!text.includes('\n')) return text;
  const lines = text.split('\n').map(line => line.trim());
  return lines.filter(line => line !== '').join(' ');
}

/** For a person: the message, then what is known beside it, each on a line of its own; what to do comes first. */
export function manyLines(error: ErrorFields, style: Style = {}): string[] {
  const lines = wrap(error.message.trim(), style.width).map(line => paint(line, 'bold', style));
  const say = (label: string, text: string | undefined, colour?: Colour): void => {
    if (text !== undefined) lines.push(...labelled(label, text, style, colour));
  };
  say('at', place(error));
  say('hint', error.hint, 'cyan');
  say('kernel', kernelSaid(error));
  // A value that the message quotes is not repeated.
  if (error.value === undefined || !error.message.includes(error.value)) say('value', error.value);
  say('spec', error.spec);
  for (const problem of (error.problems ?? []).slice(1)) {
    say('also', oneLine(problem));
    if (problem.hint !== undefined) say('', problem.hint);
  }
  for (const leftover of error.cleanup ?? []) say('left', leftover);
  return lines;
}

function kernelSaid(error: ErrorFields): string | undefined {
  if (error.syscall === undefined || error.errnoName === undefined) return undefined;
  const operand = error.path ?? error.detail;
  return `${error.syscall}(2)${operand === undefined ? '' : ` ${operand}`}: ${error.errnoName}`;
}

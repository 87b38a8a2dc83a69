// SPDX-License-Identifier: Apache-2.0
import type { ErrorFields } from './error.ts';

/** `config.json:12:7 /mounts/3/type`; undefined when nothing in a document is to blame. */
function place(error: ErrorFields): string | undefined {
  const { pointer, line, column, document = 'config.json' } = error;
  if (!pointer && (pointer === '' || line === undefined)) return undefined;
  const file = line === undefined ? document : `${document}:${line}:${column ?? 1}`;
  return pointer ? `${file} ${pointer}` : file;
}

/**
 * The failure in one line: the message, and where in its document it comes from. Engines read this line, and some
 * match words inside the message, so the place comes after it.
 */
export function oneLine(error: ErrorFields): string {
  const message = error.message.replace(/\s*\n\s*/g, ' ').trim();
  const at = place(error);
  return at === undefined ? message : `${message} (${at})`;
}

/** For a person: the message, then what is known beside it, each on a line of its own. */
export function manyLines(error: ErrorFields): string[] {
  const lines = [error.message.trim()];
  const say = (label: string, text: string | undefined): void => {
    if (text !== undefined) lines.push(`  ${label.padEnd(8)}${text}`);
  };
  say('at', place(error));
  say('kernel', kernelSaid(error));
  // A value that the message quotes is not repeated.
  if (error.value === undefined || !error.message.includes(error.value)) say('value', error.value);
  say('spec', error.spec);
  say('hint', error.hint);
  for (const problem of (error.problems ?? []).slice(1)) {
    lines.push(`  also    ${oneLine(problem)}`);
    if (problem.hint !== undefined) lines.push(`          ${problem.hint}`);
  }
  for (const leftover of error.cleanup ?? []) say('left', leftover);
  return lines;
}

function kernelSaid(error: ErrorFields): string | undefined {
  if (error.syscall === undefined || error.errnoName === undefined) return undefined;
  const path = error.path === undefined ? '' : ` ${error.path}`;
  return `${error.syscall}(2)${path}: ${error.errnoName}`;
}

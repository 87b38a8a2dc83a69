// SPDX-License-Identifier: Apache-2.0
import type { ErrorFields } from '../errors/error.ts';
import type { Runtime } from './runtime.ts';

export type Warning = Pick<ErrorFields, 'message' | 'pointer' | 'document' | 'hint'>;

/** Logs warnings, one line each. A message with several causes is logged once. */
export function warnOf({ log }: Runtime, warnings: readonly Warning[]): void {
  const logged = new Set<string>();
  for (const warning of warnings) {
    if (logged.has(warning.message)) continue;
    logged.add(warning.message);
    log.warn(warningLine(warning));
  }
}

function warningLine({ message, pointer, document, hint }: Warning): string {
  const advice = hint === undefined ? '' : `; ${hint}`;
  const place = [document, pointer].filter(Boolean).join(' ');
  return `${message}${advice}${place === '' ? '' : ` (${place})`}`;
}

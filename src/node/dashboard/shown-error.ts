// SPDX-License-Identifier: Apache-2.0
import type { ErrorFields } from '../../errors/error.ts';
import { manyLines } from '../../errors/render.ts';
import { visible } from '../../errors/visible.ts';
import type { ShownError } from './messages.ts';

/** Formats the error as on a terminal. */
export function shownError(error: ErrorFields): ShownError {
  const message = visible(error.message.trim());
  const rest = manyLines(error).slice(message.split('\n').length);
  const details = rest.map(line => {
    const [, label = '', text = ''] = /^ {2}(\w*) +(.*)$/s.exec(line) ?? [undefined, '', line.trim()];
    return { label, text };
  });
  return { code: error.code, message, details };
}

// SPDX-License-Identifier: Apache-2.0
import { locate } from '../bundle/locate.ts';
import { type ErrorFields, RuntimeError } from '../errors/error.ts';

/** Does `work`; a failure that has a pointer also gets its line and column in `text`, the config.json it points into. */
export function withPlace<T>(text: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw error instanceof RuntimeError ? error.with(placed(error.fields(), text)) : error;
  }
}

function placed(error: ErrorFields, text: string): ErrorFields {
  // The empty pointer is the document itself: nothing in it asked for what failed.
  if (!error.pointer || error.line !== undefined) return error;
  const { line, column } = locate(text, error.pointer);
  const problems = error.problems?.map(problem => placed(problem, text));
  return { ...error, line, column, ...(problems !== undefined && { problems }) };
}

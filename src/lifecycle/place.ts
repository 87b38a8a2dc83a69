// SPDX-License-Identifier: Apache-2.0
import { locate } from '../bundle/locate.ts';
import { type ErrorFields, RuntimeError } from '../errors/error.ts';

/** A text that pointers are into; `document` is its name, where it is not config.json. */
interface Source {
  /** A function reads it when there is something to say. */
  readonly text: string | (() => string);
  readonly document?: string | undefined;
}

/** Does `work`; a failure that has a pointer also gets its line and column in the text, and the name of the document. */
export function withPlace<T>(source: string | Source, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof RuntimeError)) throw error;
    const { text, document } = typeof source === 'string' ? { text: source, document: undefined } : source;
    throw error.with(placed(error.fields(), typeof text === 'string' ? text : text(), document));
  }
}

function placed(error: ErrorFields, text: string, document: string | undefined): ErrorFields {
  // The empty pointer is the document itself: nothing in it asked for what failed.
  const known = error.line !== undefined;
  if (!error.pointer && !known) return error;
  const { line, column } = known ? error : locate(text, error.pointer ?? '');
  const problems = error.problems?.map(problem => placed(problem, text, document));
  return {
    ...error,
    line,
    column,
    ...(document !== undefined && { document }),
    ...(problems !== undefined && { problems }),
  };
}

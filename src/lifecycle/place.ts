// SPDX-License-Identifier: Apache-2.0
import { parseJson } from '../bundle/json.ts';
import { locate } from '../bundle/locate.ts';
import { type ErrorFields, RuntimeError } from '../errors/error.ts';

/** What a pointer leads into. */
export type Source =
  | {
      /** Absent when there is no text; a function reads it when there is something to say. */
      readonly text?: string | (() => string);
      /** Its name, where it is not config.json. */
      readonly document?: string;
    }
  /** An option of the command line, or of a call of the library; undefined when no single one asked. */
  | { readonly option: string | undefined };

/** One for all pointers, or by pointer. */
export type Sources = Source | ((pointer: string) => Source);

/**
 * Does `work`; a failure that has a pointer also gets its line and column in the text, and the name of the document. The
 * name of an option takes the pointer's place.
 */
export function withPlace<T>(sources: string | Sources, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof RuntimeError)) throw error;
    throw error.with(placed(error.fields(), typeof sources === 'string' ? { text: sources } : sources));
  }
}

function placed(error: ErrorFields, sources: Sources): ErrorFields {
  // The empty pointer is the document itself: nothing in it asked for what failed.
  const known = error.line !== undefined;
  // An inner call has named the document.
  if ((!error.pointer && !known) || error.document !== undefined) return error;
  const source = sourceOf(error, sources);
  const problems = error.problems?.map(problem => placed(problem, sources));
  return {
    ...named(error, sources),
    ...(!known && 'text' in source && locate(textOf(source.text), error.pointer ?? '')),
    ...(problems !== undefined && { problems }),
  };
}

/** The same with the name of its document or option. */
export function named<T extends Pick<ErrorFields, 'pointer' | 'document'>>(fields: T, sources: Sources): T {
  const source = sourceOf(fields, sources);
  if ('option' in source) return { ...fields, pointer: undefined, document: source.option };
  return source.document === undefined ? fields : { ...fields, document: source.document };
}

function sourceOf({ pointer = '' }: Pick<ErrorFields, 'pointer'>, sources: Sources): Source {
  return typeof sources === 'function' ? sources(pointer) : sources;
}

function textOf(text: string | (() => string) | undefined): string {
  return typeof text === 'function' ? text() : (text ?? '');
}

/** parseJson for a document that is not config.json: its messages name the document. */
export function parseDocument(text: string, name: string): unknown {
  try {
    return parseJson(text);
  } catch (error) {
    if (!(error instanceof RuntimeError)) throw error;
    throw error.with({ message: error.message.replace(/^config\.json/, () => name) });
  }
}

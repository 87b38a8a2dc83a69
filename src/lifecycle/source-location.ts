// SPDX-License-Identifier: Apache-2.0
import { parseJson } from '../bundle/json.ts';
import { locateAll } from '../bundle/locate.ts';
import type { TextPosition } from '../bundle/text-position.ts';
import { type ErrorFields, RuntimeError } from '../errors/error.ts';

/** The document or option that a pointer refers to. */
export type Source =
  | {
      /** Absent if there is no text; a function reads it only if a position is needed. */
      readonly text?: string | (() => string);
      /** Name of the document, if it is not config.json. */
      readonly document?: string;
    }
  /** An option of the command line or of a library call; undefined if no single option requested it. */
  | { readonly option: string | undefined };

/** One source for all pointers, or one for each pointer. */
export type Sources = Source | ((pointer: string) => Source);

/** config.json for pointers; an origin of another form is the option that requested the step. */
export function configOrOption(text: string): Sources {
  return pointer => (pointer === '' || pointer.startsWith('/') ? { text } : { option: pointer });
}

/**
 * Calls `work`. A failure with a pointer also gets its line and column in the text, and the name of the document. The
 * name of an option replaces the pointer.
 */
export function withSourceLocation<T>(sources: string | Sources, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof RuntimeError)) throw error;
    throw error.with(placed(error.fields(), typeof sources === 'string' ? { text: sources } : sources));
  }
}

function placed(error: ErrorFields, sources: Sources): ErrorFields {
  const all = [error, ...(error.problems ?? [])];
  /** By name of the document: its text is read once for all of its fields. */
  const open = new Map<string | undefined, { readonly text: string | (() => string); some: ErrorFields[] }>();
  for (const fields of all) {
    const source = isNamed(fields) ? {} : sourceOf(fields, sources);
    if (fields.line !== undefined || !('text' in source) || source.text === undefined) continue;
    const same = open.get(source.document);
    if (same === undefined) open.set(source.document, { text: source.text, some: [fields] });
    else same.some.push(fields);
  }
  const found = new Map<ErrorFields, TextPosition>();
  for (const { text, some } of open.values()) {
    const pointers = some.map(({ pointer = '' }) => pointer);
    const positions = locateAll(typeof text === 'function' ? text() : text, pointers);
    some.forEach((fields, index) => {
      found.set(fields, positions[index] as TextPosition);
    });
  }
  const place = (fields: ErrorFields): ErrorFields =>
    isNamed(fields) ? fields : { ...named(fields, sources), ...found.get(fields) };
  if (isNamed(error)) return error;
  const problems = error.problems?.map(place);
  return { ...place(error), ...(problems !== undefined && { problems }) };
}

/**
 * Returns true if nothing can be added: an empty pointer is the whole document, or an inner call has named the
 * document.
 */
function isNamed({ pointer, line, document }: ErrorFields): boolean {
  return (!pointer && line === undefined) || document !== undefined;
}

/** Adds the name of the document, or replaces the pointer by the name of the option. */
export function named<T extends Pick<ErrorFields, 'pointer' | 'document'>>(fields: T, sources: Sources): T {
  const source = sourceOf(fields, sources);
  if ('option' in source) return { ...fields, pointer: undefined, document: source.option };
  return source.document === undefined ? fields : { ...fields, document: source.document };
}

function sourceOf({ pointer = '' }: Pick<ErrorFields, 'pointer'>, sources: Sources): Source {
  return typeof sources === 'function' ? sources(pointer) : sources;
}

/** parseJson for a document other than config.json: the messages contain its name. */
export function parseDocument(text: string, name: string): unknown {
  try {
    return parseJson(text);
  } catch (error) {
    if (!(error instanceof RuntimeError)) throw error;
    throw error.with({ message: error.message.replace(/^config\.json/, () => name) });
  }
}

// SPDX-License-Identifier: Apache-2.0
import { parseJson } from '../bundle/json.ts';
import { locateAll } from '../bundle/locate.ts';
import type { TextPosition } from '../bundle/text-position.ts';
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
  const all = [error, ...(error.problems ?? [])];
  /** By the name of the document that they are in, whose text is read once for all of them. */
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

/** True when there is nothing to add: the empty pointer is the document itself, or an inner call has named the document. */
function isNamed({ pointer, line, document }: ErrorFields): boolean {
  return (!pointer && line === undefined) || document !== undefined;
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

/** parseJson for a document that is not config.json: its messages name the document. */
export function parseDocument(text: string, name: string): unknown {
  try {
    return parseJson(text);
  } catch (error) {
    if (!(error instanceof RuntimeError)) throw error;
    throw error.with({ message: error.message.replace(/^config\.json/, () => name) });
  }
}

// SPDX-License-Identifier: Apache-2.0

import { locateOffsets } from '../bundle/locate.ts';
import { parsePointer } from '../bundle/pointer.ts';
import { textPositions } from '../bundle/text-position.ts';
import type { ErrorFields } from '../errors/error.ts';
import { type Colour, headed, labelled, type Style } from '../errors/layout.ts';
import { visibleLine } from '../errors/visible.ts';
import { append } from '../oci/append.ts';
import { jsonExcerpt } from '../plan/exact-json.ts';
import type { Weakness } from './isolation/weakness.ts';

/**
 * The result of `tsubo check`, printed by `--format json`. Empty fields are absent. Later versions may add fields and
 * codes; existing ones keep their name and meaning.
 */
export interface CheckReport {
  /** The absolute path, if the directory exists. */
  readonly bundle: string;
  /** True if there are no problems: `create` can fail only because of `unchecked` items. */
  readonly valid: boolean;
  /** In the order of the checks. */
  readonly problems: readonly Finding[];
  /** Ignored settings, settings that `start` would reject, and weaknesses of the isolation (codes `isolation.*`). */
  readonly warnings: readonly Finding[];
  /** Items that only `create` itself can check. */
  readonly unchecked: readonly Unchecked[];
}

/** An item that was not checked. */
export interface Unchecked {
  /** Pointer into config.json; empty if the item belongs to no single place. */
  readonly pointer: string;
  readonly message: string;
}

/** Fields as in an error, with these changes. */
export interface Finding
  extends Pick<ErrorFields, 'code' | 'message' | 'pointer' | 'document' | 'hint' | 'spec'> {
  /** Position of the pointer in config.json, from 1; for a missing property, that of the nearest enclosing object. */
  readonly line?: number | undefined;
  readonly column?: number | undefined;
  /** The value in config.json as JSON, cut after 80 characters. */
  readonly value?: string | undefined;
  /** The consequence of a weakness of the isolation. */
  readonly why?: string | undefined;
  /** The affected file or directory of the host. */
  readonly path?: string | undefined;
}

interface Document {
  readonly path: string;
  readonly text?: string;
  readonly document?: unknown;
}

/** Adds positions and values to the findings. */
export function makeReport(
  bundle: Document,
  problems: readonly ErrorFields[],
  warnings: readonly (ErrorFields | Weakness)[],
  unchecked: readonly Unchecked[],
): CheckReport {
  const { text } = bundle;
  const pointers = [...problems, ...warnings].map(({ pointer = '' }) => pointer);
  const offsets = text === undefined ? [] : locateOffsets(text, pointers);
  const places = text === undefined ? [] : textPositions(text, offsets);
  const values = new Values(bundle);
  let next = 0;
  const found = (fields: ErrorFields): Finding => {
    const { code, message, pointer, document, line, column, value, hint, spec, path } = fields;
    const why = (fields as Partial<Weakness>).why;
    const position = places[next];
    // The pointer of another document has its own position.
    const here = document === undefined ? pointer : undefined;
    const shown = values.at(here, offsets[next]) ?? value;
    next++;
    const at = here && position !== undefined ? position : { line, column };
    return {
      code,
      message,
      pointer,
      document,
      line: at.line,
      column: at.column,
      value: shown,
      why,
      hint,
      spec,
      path,
    };
  };
  return {
    bundle: bundle.path,
    valid: problems.length === 0,
    problems: problems.map(found),
    warnings: warnings.map(found),
    unchecked,
  };
}

const longestValue = 80;

/** Returns the digits of a number that JavaScript parses as infinite. */
function writtenNumber(text: string, offset: number): string | undefined {
  return /^[-+.\deE]+/.exec(text.slice(offset, offset + longestValue))?.[0];
}

/** Formats the values at pointers as JSON on one line. */
class Values {
  private readonly bundle: Document;
  /** For each object, its names by their lower case. */
  private readonly folded = new Map<object, Map<string, string>>();

  constructor(bundle: Document) {
    this.bundle = bundle;
  }

  /** Returns undefined if the value does not exist. */
  at(pointer: string | undefined, offset = 0): string | undefined {
    if (!pointer) return undefined;
    let value = this.bundle.document;
    for (const token of parsePointer(pointer)) {
      if (typeof value !== 'object' || value === null) return undefined;
      value = this.member(value as Record<string, unknown>, token);
    }
    if (value === undefined) return undefined;
    if (value === Infinity || value === -Infinity) return writtenNumber(this.bundle.text ?? '', offset);
    return jsonExcerpt(value, longestValue);
  }

  /** Matches names by the rules of the checks. */
  private member(object: Record<string, unknown>, name: string): unknown {
    if (Object.hasOwn(object, name)) return object[name];
    let names = this.folded.get(object);
    if (names === undefined) {
      // The first of several equal names wins.
      const keys = Object.keys(object).reverse();
      names = new Map(keys.map(key => [key.toLowerCase(), key]));
      this.folded.set(object, names);
    }
    const key = names.get(name.toLowerCase());
    return key === undefined ? undefined : object[key];
  }
}

/**
 * Formats the report as text: short warnings, unchecked items, a paragraph for each problem, and the count. The
 * problems come last because a terminal shows the end.
 */
export function describeReport(report: CheckReport, style: Style = {}): string {
  const { problems, warnings, unchecked } = report;
  const lists = [
    warnings.flatMap(warning => shortWarning(warning, style)),
    uncheckedLines(unchecked).flatMap(line => headed('not checked', line, 'yellow', style)),
  ];
  const paragraphs = [
    ...lists.filter(list => list.length > 0).map(list => list.join('\n')),
    ...problems.map(problem => paragraph(problem, style)),
  ];
  const count = `${many(problems.length, 'problem')}, ${many(warnings.length, 'warning')}`;
  return `${[...paragraphs, `${visibleLine(report.bundle)}: ${count}`].join('\n\n')}\n`;
}

/** Contains the message and the hint; the JSON format has the rest. */
function shortWarning(warning: Finding, style: Style): string[] {
  const at = place(warning);
  const lines = headed('warning', `${warning.message}${at === undefined ? '' : ` (${at})`}`, 'yellow', style);
  return warning.hint === undefined ? lines : [...lines, ...labelled('hint', warning.hint, style, 'cyan')];
}

/** Unchecked items with the same reason share a line. */
function uncheckedLines(unchecked: readonly Unchecked[]): string[] {
  const pointers = new Map<string, string[]>();
  for (const { message, pointer } of unchecked) {
    const list = pointers.get(message) ?? [];
    if (pointer !== '') list.push(pointer);
    pointers.set(message, list);
  }
  return [...pointers].map(([message, list]) =>
    list.length === 0 ? message : `${message} (${list.join(' ')})`,
  );
}

/** The message comes first, which also suits screen readers. */
function paragraph(problem: Finding, style: Style): string {
  const lines = headed('problem', problem.message, 'red', style);
  const add = (label: string, text: string | undefined, colour?: Colour): void => {
    if (text !== undefined) append(lines, labelled(label, text, style, colour));
  };
  add('at', place(problem));
  add('hint', problem.hint, 'cyan');
  add('value', problem.value);
  add('spec', problem.spec);
  add('code', problem.code);
  return lines.join('\n');
}

function place({ pointer, document, line, column, path }: Finding): string | undefined {
  if (!pointer && line === undefined) return document ?? path;
  const name = document ?? 'config.json';
  const file = line === undefined ? name : `${name}:${line}:${column ?? 1}`;
  return pointer ? `${file} ${pointer}` : file;
}

function many(count: number, noun: string): string {
  return `${count === 0 ? 'no' : count} ${noun}${count === 1 ? '' : 's'}`;
}

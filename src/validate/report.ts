// SPDX-License-Identifier: Apache-2.0
import { locate } from '../bundle/locate.ts';
import { parsePointer } from '../bundle/pointer.ts';
import type { ErrorFields } from '../errors/error.ts';
import { type Colour, labelled, paint, type Style, wrap } from '../errors/layout.ts';
import { exactJson } from '../plan/exact-json.ts';
import type { Weakness } from './isolation/weakness.ts';

/**
 * What `tsubo check` found; `--format json` prints it. Fields that have nothing to say are absent. New fields may be
 * added, and new codes; what is there keeps its name and its meaning.
 */
export interface CheckReport {
  /** Absolute, when there is such a directory. */
  readonly bundle: string;
  /** True when there are no problems: `create` would not refuse the bundle. */
  readonly valid: boolean;
  /** In the order of the checks. */
  readonly problems: readonly Finding[];
  /** What is ignored, and what weakens the isolation (their codes begin with `isolation.`). */
  readonly warnings: readonly Finding[];
}

/** As in a failure, but for what stands below. */
export interface Finding extends Pick<ErrorFields, 'code' | 'message' | 'pointer' | 'hint' | 'spec'> {
  /** Where the pointer is in config.json, from 1; of a missing property, of the nearest object around it. */
  readonly line?: number | undefined;
  readonly column?: number | undefined;
  /** What stands there, as JSON, cut after 80 characters. */
  readonly value?: string | undefined;
  /** Why it matters, for what weakens the isolation. */
  readonly why?: string | undefined;
  /** The file or directory of the host that it is about. */
  readonly path?: string | undefined;
}

interface Document {
  readonly path: string;
  readonly text?: string;
  readonly document?: unknown;
}

/** Puts places and values to what was found. */
export function makeReport(
  bundle: Document,
  problems: readonly ErrorFields[],
  warnings: readonly (ErrorFields | Weakness)[],
): CheckReport {
  const found = (fields: ErrorFields): Finding => {
    const { code, message, pointer, line, column, value, hint, spec, path } = fields;
    const why = (fields as Partial<Weakness>).why;
    const at = pointer && bundle.text !== undefined ? locate(bundle.text, pointer) : { line, column };
    const shown = valueAt(bundle.document, pointer) ?? value;
    return { code, message, pointer, line: at.line, column: at.column, value: shown, why, hint, spec, path };
  };
  return {
    bundle: bundle.path,
    valid: problems.length === 0,
    problems: problems.map(found),
    warnings: warnings.map(found),
  };
}

const longestValue = 80;

/** The value of a pointer as JSON on one line; undefined where there is none. */
function valueAt(document: unknown, pointer: string | undefined): string | undefined {
  if (!pointer) return undefined;
  let value = document;
  for (const token of parsePointer(pointer)) {
    if (typeof value !== 'object' || value === null) return undefined;
    value = member(value as Record<string, unknown>, token);
  }
  if (value === undefined) return undefined;
  const text = exactJson(value).replace(/\s*\n\s*/g, ' ');
  return text.length <= longestValue ? text : `${text.slice(0, longestValue)}...`;
}

/** Names are matched as the checks match them. */
function member(object: Record<string, unknown>, name: string): unknown {
  if (Object.hasOwn(object, name)) return object[name];
  const folded = name.toLowerCase();
  const key = Object.keys(object).find(candidate => candidate.toLowerCase() === folded);
  return key === undefined ? undefined : object[key];
}

/** For people: one paragraph each, and the count. */
export function describeReport(report: CheckReport, style: Style = {}): string {
  const { problems, warnings } = report;
  const paragraphs = [
    ...problems.map(problem => paragraph('problem', problem, style)),
    ...warnings.map(warning => paragraph('warning', warning, style)),
  ];
  const count = `${many(problems.length, 'problem')}, ${many(warnings.length, 'warning')}`;
  return `${[...paragraphs, `${report.bundle}: ${count}`].join('\n\n')}\n`;
}

/** Also for a list read out loud: the message comes first. */
function paragraph(kind: 'problem' | 'warning', finding: Finding, style: Style): string {
  const head = paint(kind, kind === 'problem' ? 'red' : 'yellow', style);
  const lines = wrap(`${kind}: ${finding.message}`, style.width);
  lines[0] = head + (lines[0] ?? '').slice(kind.length);
  const say = (label: string, text: string | undefined, colour?: Colour): void => {
    if (text !== undefined) lines.push(...labelled(label, text, style, colour));
  };
  say('at', place(finding));
  say('hint', finding.hint, 'cyan');
  say('why', finding.why);
  say('value', finding.value);
  say('spec', finding.spec);
  say('code', finding.code);
  return lines.join('\n');
}

function place({ pointer, line, column, path }: Finding): string | undefined {
  if (!pointer && line === undefined) return path;
  const file = line === undefined ? 'config.json' : `config.json:${line}:${column ?? 1}`;
  return pointer ? `${file} ${pointer}` : file;
}

function many(count: number, noun: string): string {
  return `${count === 0 ? 'no' : count} ${noun}${count === 1 ? '' : 's'}`;
}

// SPDX-License-Identifier: Apache-2.0
import { didYouMean } from '../errors/spelling.ts';
import { visibleLine } from '../errors/visible.ts';
import {
  type Flag,
  type Heredoc,
  type Instruction,
  placeOf,
  type Source,
  syntaxError,
} from './instruction.ts';
import { rawWords, unquoted } from './words.ts';

/** All instructions, and those that can be a list in JSON or have heredocs. */
const keywords = [
  ...[
    'ADD',
    'ARG',
    'CMD',
    'COPY',
    'ENTRYPOINT',
    'ENV',
    'EXPOSE',
    'FROM',
    'HEALTHCHECK',
    'LABEL',
    'MAINTAINER',
  ],
  ...['ONBUILD', 'RUN', 'SHELL', 'STOPSIGNAL', 'USER', 'VOLUME', 'WORKDIR'],
];
const withList = ['ADD', 'CMD', 'COPY', 'ENTRYPOINT', 'RUN', 'SHELL', 'VOLUME'];
const withHeredoc = ['ADD', 'COPY', 'RUN'];
const heredocWord = /^\d*<<(-?)([^<]+)$/;
const directive = /^#[ \t]*([a-zA-Z][a-zA-Z0-9]*)[ \t]*=[ \t]*(.+?)[ \t]*$/;

export interface Dockerfile {
  readonly source: Source;
  readonly instructions: readonly Instruction[];
}

/**
 * Splits a Dockerfile into instructions.
 *
 * @param name - for errors: the path as it was written
 * @throws RuntimeError `build.syntax`
 */
export function parseDockerfile(text: string, name: string): Dockerfile {
  const lines = text
    .replace(/^\uFEFF/, '')
    .split('\n')
    .map(line => line.replace(/\r$/, ''));
  const source: Source = { name, lines, escapeMark: escapeOf(lines, name) };
  const instructions: Instruction[] = [];
  for (let at = 0; at < lines.length; ) {
    const line = lines[at] as string;
    if (isComment(line) || line.trim() === '') {
      at++;
      continue;
    }
    const instruction = readInstruction(source, at);
    instructions.push(instruction);
    at = instruction.lastLine;
  }
  return { source, instructions };
}

/** Returns the value of the directive `escape`, which is valid only before the first instruction and comment. */
function escapeOf(lines: readonly string[], name: string): string {
  const known = new Set<string>();
  for (const [index, line] of lines.entries()) {
    const [, key = '', value = ''] = directive.exec(line) ?? [];
    const word = key.toLowerCase();
    if (word === '' || known.has(word)) break;
    known.add(word);
    if (word !== 'escape') continue;
    if (value === '\\' || value === '`') return value;
    throw syntaxError(
      { source: { name, lines, escapeMark: '\\' }, line: index + 1, column: line.indexOf('=') + 2 },
      `invalid escape character ${JSON.stringify(value)}`,
      'it is \\ or `',
    );
  }
  return '\\';
}

function isComment(line: string): boolean {
  return line.trimStart().startsWith('#');
}

/** Joins the lines of an instruction, without the comments and empty lines between them. */
function joinLines({ lines, escapeMark }: Source, first: number): { text: string; next: number } {
  const continued = escapeMark === '`' ? /(^|[^`])`[ \t]*$/ : /(^|[^\\])\\[ \t]*$/;
  let text = '';
  let at = first;
  for (; at < lines.length; at++) {
    const line = lines[at] as string;
    if (at > first && (isComment(line) || line.trim() === '')) continue;
    const isContinued = continued.test(line);
    text += isContinued ? line.replace(continued, '$1') : line;
    if (!isContinued) return { text, next: at + 1 };
  }
  return { text, next: at };
}

function readInstruction(source: Source, first: number): Instruction {
  const line = source.lines[first] as string;
  const column = line.length - line.trimStart().length + 1;
  const place = { source, line: first + 1, column };
  const { text, next } = joinLines(source, first);
  const [, keyword = '', rest = ''] = /^\s*(\S+)\s*(.*)$/s.exec(text) ?? [];
  const instruction = splitInstruction(source, keyword, rest.trimEnd(), first + 1, column);
  const inner = instruction.keyword === 'ONBUILD' ? instruction.text.trimStart() : `${keyword} ${rest}`;
  if (!withHeredoc.includes((/^\S+/.exec(inner)?.[0] ?? '').toUpperCase()))
    return { ...instruction, lastLine: next };
  const { heredocs, end } = readHeredocs(place.source, inner, next, place.line, column);
  return { ...instruction, heredocs, lastLine: end };
}

/** An instruction of one line without heredocs. */
export function splitInstruction(
  source: Source,
  keyword: string,
  rest: string,
  line: number,
  column: number,
): Instruction {
  const name = keyword.toUpperCase();
  const place = { source, line, column };
  if (!keywords.includes(name)) {
    throw syntaxError(
      place,
      `unknown instruction ${JSON.stringify(keyword)}`,
      didYouMean(name, keywords) ?? `the instructions are ${keywords.join(', ')}`,
    );
  }
  const { flags, text } = splitFlags(source, rest);
  if (text === '' && !(name === 'RUN' && flags.length > 0))
    throw syntaxError(place, `${name} requires at least one argument`);
  const list = withList.includes(name) ? listOf(text) : undefined;
  return { keyword: name, flags, text, list, heredocs: [], line, column, lastLine: line };
}

/** Separates the words at the beginning that start with two dashes from the rest. */
function splitFlags(source: Source, rest: string): { flags: Flag[]; text: string } {
  const flags: Flag[] = [];
  let text = rest;
  while (text.startsWith('--')) {
    const [word = ''] = rawWords(text, source.escapeMark);
    text = text.slice(word.length).trimStart();
    if (word === '--') break;
    const equals = word.indexOf('=');
    const name = word.slice(2, equals < 0 ? undefined : equals);
    flags.push({ name, value: equals < 0 ? undefined : unquoted(word.slice(equals + 1), source.escapeMark) });
  }
  return { flags, text };
}

/** Returns undefined for a text that is not a list of texts in JSON, because the shell executes such a text. */
function listOf(text: string): readonly string[] | undefined {
  if (!text.startsWith('[')) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) && value.every(item => typeof item === 'string') ? value : undefined;
  } catch {
    return undefined;
  }
}

function readHeredocs(
  source: Source,
  text: string,
  first: number,
  line: number,
  column: number,
): { heredocs: Heredoc[]; end: number } {
  const heredocs: Heredoc[] = [];
  let at = first;
  for (const word of rawWords(text, source.escapeMark)) {
    const [, dash, written] = heredocWord.exec(word) ?? [];
    if (written === undefined) continue;
    const name = unquoted(written, source.escapeMark);
    if (name === '' || /\s/.test(written.replace(/^(["']).*\1$/s, ''))) continue;
    const chomps = dash === '-';
    let content = '';
    const isEnd = (one: string) => (chomps ? one.replace(/^\t+/, '') : one) === name;
    while (at < source.lines.length && !isEnd(source.lines[at] as string))
      content += `${source.lines[at++]}\n`;
    if (at === source.lines.length)
      throw syntaxError(
        { source, line, column },
        `unterminated heredoc: the line ${JSON.stringify(name)} is missing`,
      );
    at++;
    const kept = chomps ? content.replace(/^\t+/gm, '') : content;
    heredocs.push({ name, content: kept, expands: written === name, chomps });
  }
  return { heredocs, end: at };
}

/** Returns the words of an instruction that may be a list in JSON. */
export function listWords(source: Source, instruction: Instruction): readonly string[] {
  return instruction.list ?? rawWords(instruction.text, source.escapeMark);
}

/**
 * Returns the pairs of ENV and LABEL: `A=1 B="2 3"`, or `A 1 2`. Names and values are as written.
 *
 * @throws RuntimeError `build.syntax`
 */
export function pairsOf(source: Source, instruction: Instruction): { name: string; value: string }[] {
  const words = rawWords(instruction.text, source.escapeMark);
  const [first = ''] = words;
  if (!first.includes('=')) {
    const value = instruction.text.slice(first.length).trim();
    if (value === '')
      throw syntaxError(placeOf(source, instruction), `${instruction.keyword} must have two arguments`);
    return [{ name: first, value }];
  }
  return words.map(word => {
    const equals = word.indexOf('=');
    if (equals < 1) {
      throw syntaxError(
        placeOf(source, instruction),
        `${instruction.keyword} has ${JSON.stringify(word)}, which is not of the form NAME=VALUE`,
        'put quotes around a value with blanks',
      );
    }
    return { name: word.slice(0, equals), value: word.slice(equals + 1) };
  });
}

/** Returns a line of a Dockerfile with its neighbours. */
export function excerptOf(name: string, lines: readonly string[], line: number): string {
  const around = 2;
  const first = Math.max(1, line - around);
  const shown = lines.slice(first - 1, line + around);
  if (shown.at(-1) === '' && first + shown.length - 1 > line) shown.pop();
  const width = String(first + shown.length).length + 2;
  const rows = shown.map((text, index) => {
    const number = first + index;
    return `${String(number).padStart(width)} | ${number === line ? '>>>' : '   '} ${visibleLine(text)}\n`;
  });
  return `${name}:${line}\n${'-'.repeat(20)}\n${rows.join('')}${'-'.repeat(20)}\n`;
}

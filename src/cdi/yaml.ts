// SPDX-License-Identifier: Apache-2.0

/** A line that is not in the supported part of YAML; `line` counts from 1. */
export class YamlError extends Error {
  readonly line: number;

  constructor(line: number, message: string) {
    super(message);
    this.line = line;
  }
}

interface Line {
  readonly number: number;
  readonly indent: number;
  /** Without indentation and comment. */
  readonly text: string;
}

/**
 * Parses the part of YAML in which device specifications are written: block mappings and sequences, flow collections on
 * one line, plain and quoted scalars, also over several lines. Anchors, aliases, tags, block scalars and several
 * documents are refused, because a wrong guess of their meaning would grant a wrong device.
 *
 * @throws YamlError
 */
export function parseYaml(text: string): unknown {
  const reader = new Reader(splitLines(text));
  const value = reader.node(-1);
  const rest = reader.peek();
  if (rest !== undefined) throw new YamlError(rest.number, 'the indentation does not fit the lines above');
  return value;
}

function splitLines(text: string): Line[] {
  const lines: Line[] = [];
  for (const [index, raw] of text.split(/\r?\n/).entries()) {
    const number = index + 1;
    if (raw === '---' && lines.length === 0) continue;
    if (raw === '...') break;
    if (/^(---|%)/.test(raw))
      throw new YamlError(number, 'only one document without directives is supported');
    const indent = raw.length - raw.trimStart().length;
    if (raw.slice(0, indent).includes('\t')) throw new YamlError(number, 'a tab cannot indent');
    const content = withoutComment(raw.slice(indent)).trimEnd();
    if (content !== '') lines.push({ number, indent, text: content });
  }
  return lines;
}

/** A `#` begins a comment at the start of the line or after a blank, outside of quotes. */
function withoutComment(text: string): string {
  let quote = '';
  for (let i = 0; i < text.length; i++) {
    const character = text[i] as string;
    if (quote !== '') {
      if (character === '\\' && quote === '"') i++;
      else if (character === quote) quote = '';
    } else if ((character === '"' || character === "'") && /^$|[\s[{,:-]$/.test(text.slice(0, i))) {
      quote = character;
    } else if (character === '#' && (i === 0 || /\s/.test(text[i - 1] as string))) {
      return text.slice(0, i);
    }
  }
  return text;
}

const key =
  /^("(?:[^"\\]|\\.)*"|'(?:[^']|'')*'|[^\s"'[\]{},&*!|>%@`#-][^#]*?|-[^\s#][^#]*?)\s*:(?:\s+(.*))?$/s;

class Reader {
  readonly #lines: Line[];
  #at = 0;

  constructor(lines: Line[]) {
    this.#lines = lines;
  }

  peek(): Line | undefined {
    return this.#lines[this.#at];
  }

  /** The value in the lines with more than this indentation; null if there are none. */
  node(outer: number): unknown {
    const first = this.peek();
    if (first === undefined || first.indent <= outer) return null;
    if (isEntry(first.text)) return this.#sequence(first.indent);
    if (key.test(first.text)) return this.#mapping(first.indent);
    this.#at++;
    return this.#scalar(first, first.text, outer);
  }

  #sequence(indent: number): unknown[] {
    const list: unknown[] = [];
    for (let line = this.peek(); line?.indent === indent && isEntry(line.text); line = this.peek()) {
      const rest = line.text.slice(1).trimStart();
      if (rest === '') {
        this.#at++;
        list.push(this.node(indent));
      } else if (isEntry(rest) || key.test(rest)) {
        // A collection that begins in the line of its entry is indented by the text before it.
        const inner = indent + line.text.length - rest.length;
        this.#lines[this.#at] = { number: line.number, indent: inner, text: rest };
        list.push(this.node(indent));
      } else {
        this.#at++;
        list.push(this.#scalar(line, rest, indent));
      }
    }
    return list;
  }

  #mapping(indent: number): Record<string, unknown> {
    const members = new Map<string, unknown>();
    for (let line = this.peek(); line?.indent === indent; line = this.peek()) {
      const [, name = '', rest = ''] = key.exec(line.text) ?? [];
      if (name === '') throw new YamlError(line.number, 'expected a name followed by a colon');
      const member = String(scalarOf(line, name));
      if (members.has(member)) throw new YamlError(line.number, `the name ${member} occurs twice`);
      this.#at++;
      const next = this.peek();
      if (rest !== '') members.set(member, this.#scalar(line, rest, indent));
      else if (next?.indent === indent && isEntry(next.text)) members.set(member, this.#sequence(indent));
      else members.set(member, this.node(indent));
    }
    // A member named __proto__ must not become the prototype.
    return Object.fromEntries(members);
  }

  /** A scalar or flow collection that begins with `text`; lines with more indentation continue it. */
  #scalar(line: Line, text: string, outer: number): unknown {
    let whole = text;
    for (let next = this.peek(); next !== undefined && next.indent > outer; next = this.peek()) {
      if (/^[[{]/.test(text))
        throw new YamlError(next.number, 'a flow collection over several lines is not supported');
      whole += ` ${next.text}`;
      this.#at++;
    }
    return /^[[{]/.test(whole) ? flowOf(line, whole) : scalarOf(line, whole);
  }
}

function isEntry(text: string): boolean {
  return text === '-' || /^-\s/.test(text);
}

function scalarOf(line: Line, text: string): unknown {
  const [first = ''] = text;
  if (first === '"' || first === "'") return quotedOf(line, text);
  if (/^[&*!|>%@`]/.test(text)) {
    throw new YamlError(line.number, 'anchors, aliases, tags and block scalars are not supported');
  }
  if (/:\s|:$/.test(text)) throw new YamlError(line.number, 'a text with a colon needs quotes');
  if (text === '' || text === '~' || /^(null|Null|NULL)$/.test(text)) return null;
  if (/^(true|True|TRUE)$/.test(text)) return true;
  if (/^(false|False|FALSE)$/.test(text)) return false;
  if (/^[-+]?(0|[1-9]\d*)$/.test(text)) return Number(text);
  if (/^0o?[0-7]+$/.test(text)) return Number.parseInt(text.replace('o', ''), 8);
  if (/^0x[\da-fA-F]+$/.test(text)) return Number.parseInt(text.slice(2), 16);
  if (/^[-+]?(\.\d+|\d+(\.\d*)?)([eE][-+]?\d+)?$/.test(text)) return Number(text);
  return text;
}

function quotedOf(line: Line, text: string): string {
  if (text.startsWith("'")) {
    const [, inner] = /^'((?:[^']|'')*)'$/s.exec(text) ?? [];
    if (inner === undefined) throw new YamlError(line.number, 'the quotes do not end with the value');
    return inner.replaceAll("''", "'");
  }
  try {
    // The escapes of JSON; those that only YAML has are refused.
    return JSON.parse(text) as string;
  } catch {
    throw new YamlError(
      line.number,
      'the quotes do not end with the value, or an escape in it is not of JSON',
    );
  }
}

/** `[a, "b"]` and `{a: b}`. */
function flowOf(line: Line, text: string): unknown {
  let at = 0;
  const skip = (): void => {
    while (text[at] === ' ') at++;
  };
  const fail = (): never => {
    throw new YamlError(line.number, `the flow collection is not complete or not supported: ${text}`);
  };
  const word = (end: RegExp): string => {
    const [quoted] = /^("(?:[^"\\]|\\.)*"|'(?:[^']|'')*')/.exec(text.slice(at)) ?? [];
    const [plain = ''] = quoted === undefined ? (end.exec(text.slice(at)) ?? []) : [quoted];
    at += plain.length;
    return plain.trim();
  };
  const value = (): unknown => {
    skip();
    if (text[at] === '[' || text[at] === '{') return collection();
    return scalarOf(line, word(/^[^,[\]{}]*/));
  };
  const collection = (): unknown => {
    const close = text[at] === '[' ? ']' : '}';
    const list: unknown[] = [];
    const members = new Map<string, unknown>();
    at++;
    for (skip(); text[at] !== close; skip()) {
      if (at >= text.length) fail();
      if (close === ']') list.push(value());
      else {
        const name = String(scalarOf(line, word(/^[^,:[\]{}]*/)));
        skip();
        if (text[at++] !== ':') fail();
        members.set(name, value());
      }
      skip();
      if (text[at] === ',') at++;
      else if (text[at] !== close) fail();
    }
    at++;
    return close === ']' ? list : Object.fromEntries(members);
  };
  const whole = collection();
  if (at !== text.length) fail();
  return whole;
}

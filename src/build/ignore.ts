// SPDX-License-Identifier: Apache-2.0

/** A line of .dockerignore. */
interface Rule {
  readonly expression: RegExp;
  /** `!`: paths that match are part of the context again. */
  readonly includes: boolean;
}

export interface IgnoreRules {
  /** @param path - relative to the context, without a slash in front */
  ignores(path: string): boolean;
  /** Files below an ignored directory may be part of the context. */
  readonly hasExceptions: boolean;
}

/** Parses a file .dockerignore. The last rule that matches a path or a directory above it applies. */
export function ignoreRules(text: string): IgnoreRules {
  const rules = text
    .replace(/^\uFEFF/, '')
    .split('\n')
    .flatMap(ruleOf);
  return {
    hasExceptions: rules.some(({ includes }) => includes),
    ignores(path) {
      const parts = path.split('/');
      const prefixes = parts.map((_, index) => parts.slice(0, index + 1).join('/'));
      let ignored = false;
      for (const { expression, includes } of rules) {
        if (includes !== ignored) continue;
        if (prefixes.some(prefix => expression.test(prefix))) ignored = !includes;
      }
      return ignored;
    },
  };
}

function ruleOf(line: string): Rule[] {
  if (line.startsWith('#')) return [];
  const text = line.trim();
  const includes = text.startsWith('!');
  const cleaned = clean(includes ? text.slice(1).trim() : text);
  return cleaned === '' ? [] : [{ expression: globExpression(cleaned), includes }];
}

function clean(pattern: string): string {
  const parts: string[] = [];
  for (const part of pattern.split('/')) {
    if (part === '' || part === '.') continue;
    if (part === '..') parts.pop();
    else parts.push(part);
  }
  return parts.join('/');
}

/** Converts a pattern of Go's filepath.Match, with `**` for any number of directories, to a regular expression. */
export function globExpression(pattern: string): RegExp {
  let out = '^';
  for (let at = 0; at < pattern.length; at++) {
    const char = pattern[at] as string;
    if (char === '*' && pattern[at + 1] === '*') {
      at++;
      const isDirectory = pattern[at + 1] === '/';
      if (isDirectory) at++;
      out += isDirectory ? '(?:.*/)?' : '.*';
    } else if (char === '*') out += '[^/]*';
    else if (char === '?') out += '[^/]';
    else if (char === '\\') out += quoted(pattern[++at] ?? '\\');
    else if (char === '[') {
      const [set] = /^\[\^?\]?[^\]]*\]/.exec(pattern.slice(at)) ?? [];
      if (set === undefined) out += '\\[';
      else {
        out += set.replace(/^(\[\^?)\]/, '$1\\]');
        at += set.length - 1;
      }
    } else out += quoted(char);
  }
  return new RegExp(`${out}$`, 's');
}

function quoted(char: string): string {
  return char.replace(/[\\^$.*+?()[\]{}|/]/, '\\$&');
}

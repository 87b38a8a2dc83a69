// SPDX-License-Identifier: Apache-2.0
import { RuntimeError } from '../errors/error.ts';
import { toRuntimeError } from '../errors/system.ts';

/** A line of .dockerignore. */
interface Rule {
  readonly glob: Glob;
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
    .flatMap((line, index) => {
      try {
        return ruleOf(line);
      } catch (error) {
        const failure = toRuntimeError(error);
        throw failure.with({ message: `.dockerignore:${index + 1}: ${failure.message}` });
      }
    });
  return {
    hasExceptions: rules.some(({ includes }) => includes),
    ignores(path) {
      const parts = path.split('/');
      const prefixes = parts.map((_, index) => parts.slice(0, index + 1).join('/'));
      let ignored = false;
      for (const { glob, includes } of rules) {
        if (includes !== ignored) continue;
        if (prefixes.some(prefix => glob.matches(prefix))) ignored = !includes;
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
  return cleaned === '' ? [] : [{ glob: globOf(cleaned), includes }];
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

/** A pattern of Go's filepath.Match, with `**` for any number of directories. */
export interface Glob {
  matches(text: string): boolean;
}

/** A part of a pattern: one character that `accepts` allows, or any number of such characters. */
interface Part {
  readonly accepts: (char: string) => boolean;
  readonly repeats: boolean;
  /** The slash behind `**` is left out if the `**` stands for no directory. */
  readonly leavesOutNext: boolean;
}

const one = (accepts: Part['accepts']): Part => ({ accepts, repeats: false, leavesOutNext: false });
const many = (accepts: Part['accepts']): Part => ({ accepts, repeats: true, leavesOutNext: false });
const isNoSlash = (char: string): boolean => char !== '/';

/**
 * Parses a pattern. The time of a match grows with the product of both lengths, whatever the pattern contains.
 *
 * @throws RuntimeError `build.syntax` for a range whose end is before its begin, and for a set without characters
 */
export function globOf(pattern: string): Glob {
  const parts: Part[] = [];
  for (let at = 0; at < pattern.length; at++) {
    const char = pattern[at] as string;
    if (char === '*' && pattern[at + 1] === '*') {
      at++;
      const isDirectory = pattern[at + 1] === '/';
      if (isDirectory) at++;
      parts.push({ ...many(() => true), leavesOutNext: isDirectory });
      if (isDirectory) parts.push(one(next => next === '/'));
    } else if (char === '*') parts.push(many(isNoSlash));
    else if (char === '?') parts.push(one(isNoSlash));
    else if (char === '\\') {
      const next = pattern[++at] ?? '\\';
      parts.push(one(other => other === next));
    } else if (char === '[') {
      const [set, negation = '', inside = ''] = /^\[(\^?)(\]?[^\]]*)\]/.exec(pattern.slice(at)) ?? [];
      if (set === undefined) parts.push(one(other => other === '['));
      else {
        parts.push(one(setOf(set, negation !== '', inside)));
        at += set.length - 1;
      }
    } else parts.push(one(other => other === char));
  }
  return { matches: text => matchesParts(parts, text) };
}

function setOf(set: string, isNegated: boolean, inside: string): Part['accepts'] {
  const ranges: (readonly [from: string, to: string])[] = [];
  const words = inside.match(/\\?[\s\S]/g) ?? [];
  const charOf = (word: string): string => word.at(-1) as string;
  for (let at = 0; at < words.length; at++) {
    const from = charOf(words[at] as string);
    const last = words[at + 1] === '-' ? words[at + 2] : undefined;
    const to = last === undefined ? from : charOf(last);
    if (to < from) throw badPattern(set, `the range ${from}-${to} ends before its begin`);
    ranges.push([from, to]);
    if (last !== undefined) at += 2;
  }
  if (ranges.length === 0) throw badPattern(set, 'it has no characters');
  return char => ranges.some(([from, to]) => from <= char && char <= to) !== isNegated;
}

function badPattern(set: string, why: string): RuntimeError {
  return new RuntimeError({
    code: 'build.syntax',
    message: `invalid pattern ${JSON.stringify(set)}: ${why}`,
    value: set,
    hint: 'write a backslash before a bracket that is not a set',
  });
}

/** Follows all places of the pattern that the text before a character can lead to, at the same time. */
function matchesParts(parts: readonly Part[], text: string): boolean {
  let places = new Set<number>();
  // A part that repeats may stand for no character; the slash is left out only if the part before it stands for none.
  const enter = (into: Set<number>, place: number, isFirst = true): void => {
    const part = parts[place];
    if (isFirst && part?.leavesOutNext === true) enter(into, place + 2);
    if (into.has(place)) return;
    into.add(place);
    if (part?.repeats === true) enter(into, place + 1);
  };
  enter(places, 0);
  for (const char of text.split('')) {
    const next = new Set<number>();
    for (const place of places) {
      const part = parts[place];
      if (part === undefined || !part.accepts(char)) continue;
      if (part.repeats) enter(next, place, false);
      else enter(next, place + 1);
    }
    places = next;
  }
  return places.has(parts.length);
}

// SPDX-License-Identifier: Apache-2.0

/** Values of variables; undefined for one that is not set. */
export type Lookup = (name: string) => string | undefined;

/** A variable that must have a value has none (`${NAME:?text}`), or a reference to a variable is malformed. */
export class MissingVariable extends Error {}

/** Splits at blanks outside quotes. Quotes and escapes stay in the words. */
export function rawWords(text: string, escapeMark: string): string[] {
  const words: string[] = [];
  let word = '';
  let quote = '';
  for (let at = 0; at < text.length; at++) {
    const char = text[at] as string;
    if (char === escapeMark && quote !== "'") {
      word += char + (text[++at] ?? '');
    } else if (quote !== '') {
      if (char === quote) quote = '';
      word += char;
    } else if (/\s/.test(char)) {
      if (word !== '') words.push(word);
      word = '';
    } else {
      if (char === '"' || char === "'") quote = char;
      word += char;
    }
  }
  if (word !== '') words.push(word);
  return words;
}

/** Returns the word without its quotes and escapes; variables are not replaced. */
export function unquoted(word: string, escapeMark: string): string {
  return new Expander(word, escapeMark, undefined).all();
}

/** Returns the word with the values of its variables, without quotes and escapes. */
export function expanded(word: string, escapeMark: string, lookup: Lookup): string {
  return new Expander(word, escapeMark, lookup).all();
}

/** Returns the text of a heredoc with the values of its variables; `\$` becomes a dollar sign, and quotes stay. */
export function expandedHeredoc(text: string, escapeMark: string, lookup: Lookup): string {
  return new Expander(text, escapeMark, lookup).heredoc();
}

/** One pass over a text. The rules are those of a POSIX shell, limited to the forms that Dockerfiles permit. */
class Expander {
  #at = 0;
  readonly #text: string;
  readonly #escapeMark: string;
  readonly #lookup: Lookup | undefined;

  constructor(text: string, escapeMark: string, lookup: Lookup | undefined) {
    this.#text = text;
    this.#escapeMark = escapeMark;
    this.#lookup = lookup;
  }

  all(end = ''): string {
    let out = '';
    while (this.#at < this.#text.length && this.#peek() !== end) {
      const char = this.#next();
      if (char === this.#escapeMark) out += this.#next();
      else if (char === "'") out += this.#single();
      else if (char === '"') out += this.#double();
      else if (char === '$' && this.#lookup !== undefined) out += this.#variable(this.#lookup);
      else out += char;
    }
    return out;
  }

  heredoc(): string {
    let out = '';
    while (this.#at < this.#text.length) {
      const char = this.#next();
      if (char === this.#escapeMark && this.#peek() === '$') out += this.#next();
      else if (char === '$' && this.#lookup !== undefined) out += this.#variable(this.#lookup);
      else out += char;
    }
    return out;
  }

  #peek(): string {
    return this.#text[this.#at] ?? '';
  }

  #next(): string {
    return this.#text[this.#at++] ?? '';
  }

  #single(): string {
    const end = this.#text.indexOf("'", this.#at);
    const stop = end < 0 ? this.#text.length : end;
    const inner = this.#text.slice(this.#at, stop);
    this.#at = stop + 1;
    return inner;
  }

  #double(): string {
    let out = '';
    while (this.#at < this.#text.length) {
      const char = this.#next();
      if (char === '"') break;
      if (char === '$' && this.#lookup !== undefined) out += this.#variable(this.#lookup);
      else if (char !== this.#escapeMark) out += char;
      else out += ['"', '$', this.#escapeMark].includes(this.#peek()) ? this.#next() : char;
    }
    return out;
  }

  #variable(lookup: Lookup): string {
    if (this.#peek() === '{') return this.#braced(lookup);
    const name = /^(?:[a-zA-Z_]\w*|[0-9@*#?!$-])/.exec(this.#text.slice(this.#at, this.#at + 256))?.[0];
    if (name === undefined) return '$';
    this.#at += name.length;
    return lookup(name) ?? '';
  }

  #braced(lookup: Lookup): string {
    this.#at++;
    const name = /^\w+/.exec(this.#text.slice(this.#at, this.#at + 256))?.[0] ?? '';
    this.#at += name.length;
    const value = lookup(name);
    const [operator = ''] = /^(?::?[-+?]|##?|%%?|\/\/?)/.exec(this.#text.slice(this.#at, this.#at + 2)) ?? [];
    if (name === '' || (operator === '' && this.#peek() !== '}'))
      throw new MissingVariable('unsupported modifier in substitution');
    this.#at += operator.length;
    const isReplacement = operator.startsWith('/');
    const word = this.all(isReplacement ? '/' : '}');
    let replacement = '';
    if (isReplacement && this.#peek() === '/') {
      this.#at++;
      replacement = this.all('}');
    }
    if (this.#next() !== '}') throw new MissingVariable(`\${${name} has no closing brace`);
    return modified(name, value, operator, word, replacement);
  }
}

function modified(
  name: string,
  value: string | undefined,
  operator: string,
  word: string,
  replacement: string,
): string {
  const isSet = operator.startsWith(':') ? value !== undefined && value !== '' : value !== undefined;
  switch (operator.replace(':', '')) {
    case '-':
      return isSet ? (value ?? '') : word;
    case '+':
      return isSet ? word : '';
    case '?':
      if (isSet) return value ?? '';
      throw new MissingVariable(`${name}: ${word === '' ? 'is not set' : word}`);
    case '#':
      return (value ?? '').replace(new RegExp(`^${pattern(word, false)}`, 's'), '');
    case '##':
      return (value ?? '').replace(new RegExp(`^${pattern(word, true)}`, 's'), '');
    case '%':
      return withoutEnd(value ?? '', word, false);
    case '%%':
      return withoutEnd(value ?? '', word, true);
    case '/':
      return (value ?? '').replace(new RegExp(pattern(word, true), 's'), () => replacement);
    case '//':
      return (value ?? '').replace(new RegExp(pattern(word, true), 'gs'), () => replacement);
    default:
      return value ?? '';
  }
}

/** Removes the shortest or the longest end that matches. */
function withoutEnd(value: string, word: string, longest: boolean): string {
  const expression = new RegExp(`^${pattern(word, true)}$`, 's');
  const starts = Array.from({ length: value.length + 1 }, (_, index) => index);
  const found = (longest ? starts : starts.reverse()).find(start => expression.test(value.slice(start)));
  return found === undefined ? value : value.slice(0, found);
}

/** Returns a pattern of the shell, with `*` and `?`, as a regular expression. */
function pattern(word: string, greedy: boolean): string {
  return [...word]
    .map(char => {
      if (char === '*') return greedy ? '.*' : '.*?';
      if (char === '?') return '.';
      return char.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&');
    })
    .join('');
}

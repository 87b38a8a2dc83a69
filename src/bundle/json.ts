// SPDX-License-Identifier: Apache-2.0
import { code, JsonScanner } from './json-scanner.ts';
import { syntaxError } from './json-syntax-error.ts';

/** Maximum nesting depth of arrays and objects. */
const depthLimit = 1000;

/**
 * Parses a JSON text. Integers beyond 2^53 become bigint; numbers with a fraction or an exponent are always doubles.
 *
 * It is as lenient as Go's decoder, because Go programs wrote most existing config.json files: text after the first
 * value is ignored. If an object has several members with the same name, the last one is used (Go would merge two
 * objects, which has no reasonable use).
 *
 * @throws RuntimeError `bundle.config-syntax` with line, column, an excerpt in `value`, and the cause
 */
export function parseJson(text: string): unknown {
  try {
    const value: unknown = hasSurrogates(text) ? undefined : JSON.parse(text);
    if (value !== undefined && isExact(value)) return value;
  } catch {
    // The parser below accepts text after the first value, or reports the error.
  }
  return parseExact(text);
}

/**
 * Returns true if an escape may be an unpaired surrogate, which is not a character: the parser below replaces it with
 * U+FFFD, as Go does.
 */
function hasSurrogates(text: string): boolean {
  return text.includes('\\u') && /\\u[dD][89a-fA-F]/.test(text);
}

/**
 * Returns true if no number was rounded and the nesting is within the limit, because the engine's JSON.parse may
 * accept more. It visits the values by level: there are fewer values than characters, and searching the text would
 * cost more than parsing it.
 */
function isExact(value: unknown): boolean {
  let level: unknown[] = [value];
  for (let depth = 0; level.length > 0; depth++) {
    const next: unknown[] = [];
    for (let at = 0; at < level.length; at++) {
      const one = level[at];
      if (typeof one === 'number') {
        if (one > Number.MAX_SAFE_INTEGER || one < Number.MIN_SAFE_INTEGER) return false;
      } else if (typeof one === 'object' && one !== null) {
        if (depth === depthLimit) return false;
        gather(Array.isArray(one) ? one : Object.values(one), next);
      }
    }
    level = next;
  }
  return true;
}

/** Adds values other than strings, because almost all values are strings. */
function gather(values: readonly unknown[], into: unknown[]): void {
  for (let at = 0; at < values.length; at++) {
    const value = values[at];
    if (typeof value !== 'string') into.push(value);
  }
}

type Container = unknown[] | Record<string, unknown>;

/** Iterative, because the stack of the smallest engine cannot hold a thousand levels. */
function parseExact(text: string): unknown {
  const scanner = new JsonScanner(text);
  const open: Container[] = [];
  const keys: string[] = [];
  for (;;) {
    const next = scanner.peek();
    let value: unknown;
    if (next === code.openBrace || next === code.openBracket) {
      const isArray = next === code.openBracket;
      if (open.length === depthLimit) throw syntaxError(text, scanner.offset, 'depth');
      scanner.offset++;
      value = isArray ? [] : {};
      if (scanner.peek() !== (isArray ? code.closeBracket : code.closeBrace)) {
        open.push(value as Container);
        keys.push(isArray ? '' : scanner.key());
        continue;
      }
      scanner.offset++;
    } else {
      value = next === code.quote ? scanner.string() : scanner.scalar();
    }

    // A value is complete: add it to its container, which may now be complete too, and so on outwards.
    for (;;) {
      const container = open.at(-1);
      if (container === undefined) return value;
      const isArray = Array.isArray(container);
      if (isArray) container.push(value);
      else setMember(container, keys[keys.length - 1] as string, value);
      const after = scanner.peek();
      if (after === code.comma) {
        scanner.offset++;
        if (!isArray) keys[keys.length - 1] = scanner.key();
        break;
      }
      if (after !== (isArray ? code.closeBracket : code.closeBrace)) {
        throw syntaxError(text, scanner.offset, 'comma');
      }
      scanner.offset++;
      value = open.pop();
      keys.pop();
    }
  }
}

/** Adds a member with any name to an object. */
export function setMember(object: Record<string, unknown>, key: string, value: unknown): void {
  // A plain assignment to this name would change the prototype.
  if (key === '__proto__') {
    Object.defineProperty(object, key, { value, enumerable: true, configurable: true, writable: true });
  } else {
    object[key] = value;
  }
}

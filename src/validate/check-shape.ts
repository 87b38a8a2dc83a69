// SPDX-License-Identifier: Apache-2.0
import { setMember } from '../bundle/json.ts';
import { formatPointer } from '../bundle/pointer.ts';
import type { ErrorCode } from '../errors/codes.ts';
import type { ErrorFields } from '../errors/error.ts';
import { nearestWord } from '../errors/spelling.ts';
import {
  describeShape,
  type IntegerShape,
  type ObjectShape,
  type Shape,
  type StringShape,
} from '../oci/shape.ts';
import { isFull, keepProblem, keepWarning, stopAtLimit } from './findings.ts';

/** The result of `checkShape`. */
export interface ShapeResult {
  /**
   * The value with all names in the spelling of the specification, without nulls and without unknown and ignored
   * names. A value of the wrong type is absent; in a list it becomes empty, which keeps the positions of the others.
   * The whole value is empty if there are too many problems.
   */
  readonly value: Record<string, unknown>;
  readonly problems: ErrorFields[];
  readonly warnings: ErrorFields[];
}

/**
 * Checks a JSON value against a shape in one pass. Names match by the rules of Go's decoder: in exact case; without
 * such a member, in any case. If an object contains both, the exact name is used; if both values are objects, they are
 * merged and the last member is used.
 *
 * @param spec - section of the specification if the shape has none
 * @param name - name of the document in messages
 */
export function checkShape(
  shape: ObjectShape,
  document: unknown,
  spec: string,
  name = 'config.json',
): ShapeResult {
  const checker = new ShapeChecker(spec, name);
  const visit = () => checker.visit(shape, document) as Record<string, unknown> | undefined;
  const value = stopAtLimit(visit);
  return { value: value ?? {}, problems: checker.problems, warnings: checker.warnings };
}

class ShapeChecker {
  readonly problems: ErrorFields[] = [];
  readonly warnings: ErrorFields[] = [];
  /** Formatted as a pointer only for a problem or warning. */
  private readonly path: (string | number)[] = [];
  /** The objects that `mergeObjects` has created. */
  private readonly merged = new Set<object>();
  private spec: string;
  private readonly name: string;

  constructor(spec: string, name: string) {
    this.spec = spec;
    this.name = name;
  }

  /** Returns the normalized value; undefined if it has the wrong type. */
  visit(shape: Shape, value: unknown): unknown {
    switch (shape.kind) {
      case 'string':
        if (typeof value !== 'string') return this.wrongType(shape, value);
        if (shape.values !== undefined && !shape.values.includes(value)) this.wrongValue(shape, value);
        if (value.includes('\0')) this.nul();
        return value;
      case 'list':
        return Array.isArray(value) ? this.list(shape.of, value) : this.wrongType(shape, value);
      case 'object':
        return isObject(value) ? this.object(shape, value) : this.wrongType(shape, value);
      case 'boolean':
        return typeof value === 'boolean' ? value : this.wrongType(shape, value);
      case 'integer':
        return this.integer(shape, value);
      case 'map':
        return isObject(value) ? this.map(shape.of, value) : this.wrongType(shape, value);
    }
  }

  private integer(shape: IntegerShape, value: unknown): number | bigint | undefined {
    if (typeof value === 'number' ? !Number.isSafeInteger(value) : typeof value !== 'bigint') {
      return this.wrongType(shape, value);
    }
    const integer = value as number | bigint;
    // QuickJS-NG compares a negative double with a negative bigint incorrectly if their sizes differ.
    const exact = integer < 0 && typeof shape.min === 'bigint' ? BigInt(integer) : integer;
    if (exact < shape.min || exact > shape.max) {
      const noLimit = integer === -1 && shape.min === 0 && typeof shape.max === 'bigint';
      this.problem(
        'config.range',
        `${this.place()} must be from ${shape.min} to ${shape.max}, not ${integer}`,
        noLimit ? `use ${shape.max} for no limit` : undefined,
        String(integer),
      );
      return undefined;
    }
    return integer;
  }

  private list(of: Shape, values: readonly unknown[]): readonly unknown[] {
    if (of.kind === 'string' && of.values === undefined && areStrings(values)) return values;
    // Fast path: a list without changes is returned without a copy.
    let out: unknown[] | undefined;
    const { path } = this;
    const depth = path.length;
    for (let index = 0; index < values.length; index++) {
      path[depth] = index;
      const value = this.visit(of, values[index]) ?? placeholder[of.kind];
      if (out === undefined && value !== values[index]) out = values.slice(0, index);
      out?.push(value);
    }
    path.length = depth;
    return out ?? values;
  }

  private map(of: Shape, values: Record<string, unknown>): Record<string, unknown> {
    const entries: [string, unknown][] = [];
    for (const key of Object.keys(values)) {
      this.path.push(key);
      if (key.includes('\0')) this.nul();
      const value = this.visit(of, values[key]);
      if (value !== undefined) entries.push([key, value]);
      this.path.pop();
    }
    return Object.fromEntries(entries);
  }

  private object(shape: ObjectShape, values: Record<string, unknown>): Record<string, unknown> {
    const { properties } = shape;
    const outerSpec = this.spec;
    this.spec = shape.spec ?? outerSpec;
    // Fast path: an object without changes is returned without a copy.
    let out: Record<string, unknown> | undefined;
    const { path } = this;
    const depth = path.length;
    const keys = Object.keys(values);
    for (let index = 0; index < keys.length; index++) {
      const key = keys[index] as string;
      const value = values[key];
      path[depth] = key;
      const name = Object.hasOwn(properties, key) ? key : this.specificationName(shape, values, key, value);
      let visited: unknown;
      if (name !== undefined && value !== null) {
        if (name !== key) path[depth] = name;
        visited = this.visit(properties[name] as Shape, value);
      }
      if (out === undefined) {
        if (visited === value && name === key) continue;
        out = Object.fromEntries(keys.slice(0, index).map(before => [before, values[before]]));
      }
      if (name === undefined || visited === undefined) continue;
      if (name !== key && Object.hasOwn(out, name) && !Object.hasOwn(values, name)) {
        path[depth] = key;
        this.repeated(name, isObject(out[name]) && isObject(visited) ? 'is merged with' : 'replaces');
      }
      out[name] = isObject(out[name]) ? this.mergeObjects(out[name], visited) : visited;
    }
    path.length = depth;
    const known = out ?? values;
    if (shape.required !== undefined) this.require(shape.required, values, known);
    this.spec = outerSpec;
    return known;
  }

  /**
   * Returns the specification's name for the key at the end of the path, which does not match exactly; undefined if
   * the key is ignored, after a warning if necessary.
   */
  private specificationName(
    shape: ObjectShape,
    values: Record<string, unknown>,
    key: string,
    value: unknown,
  ): string | undefined {
    const known = namesOf(shape);
    const folded = key.toLowerCase();
    const name = known.properties.get(folded);
    if (name !== undefined) {
      if (!Object.hasOwn(values, name)) return name;
      const isMerged = isObject(values[name]) && isObject(value);
      if (value !== null) this.repeated(name, isMerged ? 'is merged with' : 'is ignored because of');
      return isMerged ? name : undefined;
    }
    if (shape.partial) return undefined;

    const ignored = known.ignored.get(folded);
    if (isFull(this.warnings) || (ignored !== undefined && hasNoEffect(value))) return undefined;
    const meant = ignored === undefined ? nearestWord(key, Object.keys(shape.properties)) : undefined;
    keepWarning(this.warnings, {
      code: ignored === undefined ? 'config.unknown-property' : 'config.ignored',
      message:
        ignored === undefined
          ? `${this.place()} is not a known property and is ignored`
          : `${this.place()} is ignored: ${ignored}`,
      pointer: formatPointer(this.path),
      hint: meant === undefined ? undefined : `did you mean ${meant}?`,
      spec: this.spec,
    });
    return undefined;
  }

  /** Warns that the property at the end of the path is given in another spelling too. */
  private repeated(name: string, effect: string): void {
    keepWarning(this.warnings, {
      code: 'config.repeated-property',
      message: `${this.place()} ${effect} the same property in another spelling`,
      pointer: formatPointer(this.path),
      hint: `names match in any case: write ${name} once`,
      spec: this.spec,
    });
  }

  /**
   * Merges two objects recursively; for other values, the second one wins. It changes the first object in place if it
   * was created here, because a document can spell one name in a thousand ways.
   */
  private mergeObjects(first: Record<string, unknown>, second: unknown): unknown {
    if (!isObject(second)) return second;
    const all = this.merged.has(first) ? first : { ...first };
    this.merged.add(all);
    for (const [name, value] of Object.entries(second)) {
      const before = Object.hasOwn(all, name) ? all[name] : undefined;
      setMember(all, name, isObject(before) ? this.mergeObjects(before, value) : value);
    }
    return all;
  }

  private require(
    required: readonly string[],
    values: Record<string, unknown>,
    out: Record<string, unknown>,
  ): void {
    for (const name of required) {
      if (out[name] !== undefined) continue;
      // A value of the wrong type exists and has been reported.
      const folded = name.toLowerCase();
      if (Object.keys(values).some(key => key.toLowerCase() === folded && values[key] !== null)) continue;
      this.path.push(name);
      this.problem('config.required', `${this.place()} is missing`);
      this.path.pop();
    }
  }

  private wrongType(shape: Shape, value: unknown): undefined {
    const expected = describeShape(shape);
    this.problem(
      'config.type',
      `${this.place()} must be ${expected}, not ${describeValue(value)}`,
      typeHint(shape, value, this.path),
      undefined,
    );
  }

  private wrongValue(shape: StringShape, value: string): void {
    const values = shape.values ?? [];
    const meant = nearestWord(value, values);
    this.problem(
      'config.value',
      `${this.place()} is "${value}", which is not an allowed value`,
      meant === undefined ? `allowed values: ${values.join(', ')}` : `did you mean ${meant}?`,
      value,
    );
  }

  private nul(): void {
    this.problem(
      'config.nul',
      `${this.place()} contains a null byte`,
      'the kernel reads a string only up to its first null byte',
    );
  }

  private problem(code: ErrorCode, message: string, hint?: string, value?: string): void {
    keepProblem(this.problems, {
      code,
      message,
      pointer: formatPointer(this.path),
      hint,
      value,
      spec: this.spec,
    });
  }

  /** The pointer in the form for messages. */
  private place(): string {
    return this.path.length === 0 ? this.name : formatPointer(this.path);
  }
}

/** The replacement for a list entry of the wrong type. */
const placeholder = { string: '', boolean: false, integer: 0, list: [], map: {}, object: {} } as const;

/** Fast path for a list that contains only strings: most values of a config are in such lists. */
function areStrings(values: readonly unknown[]): boolean {
  for (let index = 0; index < values.length; index++) {
    const value = values[index];
    if (typeof value !== 'string' || value.includes('\0')) return false;
  }
  return true;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

interface Names {
  readonly properties: ReadonlyMap<string, string>;
  readonly ignored: ReadonlyMap<string, string>;
}

/** For each shape, by name in lower case: the property's own name, or the reason why the property is ignored. */
const names = new Map<ObjectShape, Names>();

function namesOf(shape: ObjectShape): Names {
  let known = names.get(shape);
  if (known === undefined) {
    const ignored = Object.entries(shape.ignored ?? {});
    known = {
      properties: new Map(Object.keys(shape.properties).map(name => [name.toLowerCase(), name])),
      ignored: new Map(ignored.map(([name, reason]) => [name.toLowerCase(), reason])),
    };
    names.set(shape, known);
  }
  return known;
}

/** Returns true for a value that has the same effect as no value. */
function hasNoEffect(value: unknown): boolean {
  if (value === null || value === false || value === '') return true;
  if (Array.isArray(value)) return value.length === 0;
  return isObject(value) && Object.values(value).every(hasNoEffect);
}

function describeValue(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'string') {
    return value.length <= 40 ? `the string ${JSON.stringify(value)}` : 'a string';
  }
  if (typeof value === 'number' && !Number.isFinite(value)) return 'a number that is too large';
  return typeof value === 'object' ? 'an object' : String(value);
}

function typeHint(shape: Shape, value: unknown, path: readonly (string | number)[]): string | undefined {
  if (shape.kind === 'list') return listHint(shape.of, value, path.at(-1));
  if (typeof value !== 'string') return undefined;
  if (shape.kind === 'boolean' && /^(?:true|false)$/i.test(value)) return 'remove the quotes';
  if (shape.kind !== 'integer') return undefined;
  if (/^-?\d+$/.test(value)) return 'remove the quotes';
  if (/^0[xo]/i.test(value)) return 'JSON numbers are decimal';
  const bytes = sizeInBytes(value);
  if (bytes !== undefined) return `write the number of bytes: ${bytes}`;
  if (!path.some(name => idNames.has(name))) return undefined;
  return value === 'root'
    ? 'names are not looked up: root is 0'
    : 'names are not looked up: write the number';
}

/** Properties that contain ids of users or groups, or lists of them. */
const idNames: ReadonlySet<string | number> = new Set(['uid', 'gid', 'additionalGids']);

/** Returns a hint with the value written as a list. */
function listHint(of: Shape, value: unknown, name: string | number | undefined): string | undefined {
  if (of.kind === 'string' && typeof value === 'string') {
    // The value is a command line, or options in the form of mount(8).
    const separator = name === 'args' ? /\s+/ : name === 'options' ? ',' : undefined;
    const words = separator === undefined ? [value] : value.split(separator).filter(word => word !== '');
    return `write ${listText(words)}`;
  }
  if (!isObject(value)) return typeof value === 'string' ? 'put it in [ ]' : undefined;
  if (of.kind !== 'string') return 'put it in [ ]';
  // The environment is an object, as in Compose files.
  return name === 'env' ? `write ${listText(Object.entries(value).map(pair => pair.join('=')))}` : undefined;
}

const longestList = 5;

function listText(words: readonly string[]): string {
  const shown = words.slice(0, longestList).map(word => JSON.stringify(word));
  return `[${[...shown, ...(words.length > longestList ? ['...'] : [])].join(', ')}]`;
}

/** Converts `512M` or `1.5 GiB` to bytes, with powers of 1024. */
function sizeInBytes(text: string): number | undefined {
  const found = /^(\d{1,6}(?:\.\d{1,3})?) ?([kmgt])(?:i?b)?$/i.exec(text);
  if (found === null) return undefined;
  const bytes = Math.floor(Number(found[1]) * 1024 ** ' kmgt'.indexOf((found[2] ?? '').toLowerCase()));
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}

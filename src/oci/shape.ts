// SPDX-License-Identifier: Apache-2.0

/**
 * The expected structure of a JSON value, as data; check-shape.ts interprets it. Unlike Go, integers may be written
 * with an exponent (`1e3`) or a zero fraction.
 */
export type Shape = StringShape | BooleanShape | IntegerShape | ListShape | MapShape | ObjectShape;

export interface StringShape {
  readonly kind: 'string';
  /** Default: any. */
  readonly values?: readonly string[];
}

export interface BooleanShape {
  readonly kind: 'boolean';
}

export interface IntegerShape {
  readonly kind: 'integer';
  readonly min: number | bigint;
  readonly max: number | bigint;
}

export interface ListShape {
  readonly kind: 'list';
  readonly of: Shape;
}

/** An object with arbitrary names. */
export interface MapShape {
  readonly kind: 'map';
  readonly of: Shape;
}

/** An object with the names of the specification. */
export interface ObjectShape {
  readonly kind: 'object';
  /** Section of the specification; also applies to members without one. */
  readonly spec?: string;
  readonly properties: Readonly<Record<string, Shape>>;
  readonly required?: readonly string[];
  /** Known properties that have no effect here, with the reason. They need not be in `properties`. */
  readonly ignored?: Readonly<Record<string, string>>;
  /** The shape is a part of the object: other names are ignored without a warning. */
  readonly partial?: true;
}

export const string: Shape = { kind: 'string' };
export const boolean: Shape = { kind: 'boolean' };
export const strings: Shape = { kind: 'list', of: string };
export const stringMap: Shape = { kind: 'map', of: string };
export const uint16: Shape = { kind: 'integer', min: 0, max: 65535 };
export const uint32: Shape = { kind: 'integer', min: 0, max: 4294967295 };
export const int32: Shape = { kind: 'integer', min: -2147483648, max: 2147483647 };
export const uint64: Shape = { kind: 'integer', min: 0, max: 18446744073709551615n };
export const int64: Shape = { kind: 'integer', min: -9223372036854775808n, max: 9223372036854775807n };
/** A user or group id. 4294967295 is excluded: it means "unchanged" in system calls. */
export const id: Shape = { kind: 'integer', min: 0, max: 4294967294 };

/**
 * Returns the shape of the property at this path; for a list or map, the shape of its entries. Returns undefined if a
 * name is unknown.
 */
export function implemented(shape: Shape, ...names: readonly string[]): Shape | undefined {
  if (shape.kind === 'list' || shape.kind === 'map') return implemented(shape.of, ...names);
  const [name, ...rest] = names;
  if (name === undefined) return shape;
  if (shape.kind !== 'object') return undefined;
  const inner = Object.hasOwn(shape.properties, name) ? shape.properties[name] : undefined;
  return inner === undefined ? undefined : implemented(inner, ...rest);
}

/** Describes the shape for messages: `a list of strings`. */
export function describeShape(shape: Shape): string {
  switch (shape.kind) {
    case 'string':
      return 'a string';
    case 'boolean':
      return 'true or false';
    case 'integer':
      return 'a whole number';
    case 'list':
      return `a list of ${plural[shape.of.kind]}`;
    case 'map':
      return `an object with ${plural[shape.of.kind]} as values`;
    case 'object':
      return 'an object';
  }
}

const plural = {
  string: 'strings',
  boolean: 'booleans',
  integer: 'whole numbers',
  list: 'lists',
  map: 'objects',
  object: 'objects',
} as const;

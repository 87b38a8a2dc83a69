// SPDX-License-Identifier: Apache-2.0

/**
 * What a JSON value must look like, as data. The walk in walk.ts gives it its meaning; that JSON numbers written with
 * a fraction of zero or an exponent (`1e3`) pass as integers is a leniency Go does not have.
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

/** An object whose names are the user's. */
export interface MapShape {
  readonly kind: 'map';
  readonly of: Shape;
}

/** An object whose names are the specification's. */
export interface ObjectShape {
  readonly kind: 'object';
  /** Section of the specification, also for all that is inside and has none of its own. */
  readonly spec?: string;
  readonly properties: Readonly<Record<string, Shape>>;
  readonly required?: readonly string[];
  /** Known, checked, and refused when they ask for something: to be implemented. */
  readonly later?: readonly string[];
  /** Known, and without meaning here: the reason. Names in it need not be in `properties`. */
  readonly ignored?: Readonly<Record<string, string>>;
  /** Only a part of what may be there: other names are passed over, and nothing is said of them. */
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
/** A user or group to become: the kernel takes 4294967295 as "leave it as it is". */
export const id: Shape = { kind: 'integer', min: 0, max: 4294967294 };

/**
 * The shape of the property with these names, one inside the other; of a list or map, what is in it. Undefined when one
 * of them is not known, or is to be implemented.
 */
export function implemented(shape: Shape, ...names: readonly string[]): Shape | undefined {
  if (shape.kind === 'list' || shape.kind === 'map') return implemented(shape.of, ...names);
  const [name, ...rest] = names;
  if (name === undefined) return shape;
  if (shape.kind !== 'object' || shape.later?.includes(name)) return undefined;
  const inner = Object.hasOwn(shape.properties, name) ? shape.properties[name] : undefined;
  return inner === undefined ? undefined : implemented(inner, ...rest);
}

/** In words, for messages: `a list of strings`. */
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

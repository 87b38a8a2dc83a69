// SPDX-License-Identifier: Apache-2.0
import { isDigest } from './digest.ts';

/** A document of an image has a value of another type or is not JSON. The message contains the path of the value. */
export class InvalidDocument extends Error {}

export type JsonObject = Readonly<Record<string, unknown>>;

/** Parses a document that must be an object. */
export function objectOf(text: string): JsonObject {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new InvalidDocument('it is not valid JSON');
  }
  return asObject(value, 'the document');
}

/** Readers of members. A missing member and null are the same: Go writes null for an empty list. */
export function optionalObject(from: JsonObject, name: string): JsonObject | undefined {
  const value = memberOf(from, name);
  return value === undefined ? undefined : asObject(value, name);
}

export function optionalText(from: JsonObject, name: string): string | undefined {
  const value = memberOf(from, name);
  return value === undefined ? undefined : asText(value, name);
}

export function requiredText(from: JsonObject, name: string): string {
  return asText(memberOf(from, name), name);
}

export function requiredDigest(from: JsonObject, name: string): string {
  return asDigest(memberOf(from, name), name);
}

export function asDigest(value: unknown, name: string): string {
  const digest = asText(value, name);
  if (!isDigest(digest)) throw new InvalidDocument(`${name} is not a sha256 digest`);
  return digest;
}

export function requiredSize(from: JsonObject, name: string): number {
  const value = memberOf(from, name);
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0)
    throw new InvalidDocument(`${name} is not a size`);
  return value;
}

export function listOf<T>(
  from: JsonObject,
  name: string,
  read: (value: unknown, name: string) => T,
): readonly T[] {
  const value = memberOf(from, name);
  if (value === undefined) return [];
  if (!Array.isArray(value)) throw new InvalidDocument(`${name} is not a list`);
  return value.map((entry, index) => read(entry, `${name}[${index}]`));
}

/** Returns a map with values of one type, for example labels. */
export function mapOf<T>(
  from: JsonObject,
  name: string,
  read: (value: unknown, name: string) => T,
): Readonly<Record<string, T>> {
  const entries = Object.entries(optionalObject(from, name) ?? {});
  return Object.fromEntries(entries.map(([key, value]) => [key, read(value, `${name}.${key}`)]));
}

export function asText(value: unknown, name: string): string {
  if (typeof value !== 'string') throw new InvalidDocument(`${name} is not a text`);
  return value;
}

export function asObject(value: unknown, name: string): JsonObject {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new InvalidDocument(`${name} is not an object`);
  return value as JsonObject;
}

/** Returns an own member; undefined for null. */
function memberOf(from: JsonObject, name: string): unknown {
  return Object.hasOwn(from, name) ? (from[name] ?? undefined) : undefined;
}

// SPDX-License-Identifier: Apache-2.0
import type { ErrorFields } from '../../errors/error.ts';
import type { Config, Namespace } from '../../oci/config.ts';
import type { NamespaceType } from '../../oci/namespaces.ts';
import type { Draft } from '../context.ts';

/** A valid setting that gives the container more access to the host than necessary. */
export interface Weakness extends ErrorFields {
  readonly pointer: string;
  /** The possible abuse by a program in the container. */
  readonly why: string;
  /** The cure. */
  readonly hint: string;
}

/** Checks one aspect of the isolation. Pure: it reads only the config. */
export type IsolationCheck = (config: Draft<Config>) => readonly Weakness[];

/** Returns true if the container creates a namespace of this type, or joins one that is not the host's. */
export function isSeparate(config: Draft<Config>, type: NamespaceType): boolean {
  const namespaces = config.linux?.namespaces ?? [];
  let types = separate.get(namespaces);
  if (types === undefined) {
    types = separateTypes(namespaces);
    separate.set(namespaces, types);
  }
  return types.has(type);
}

/** A cache keyed by the list of namespaces, because the check of every mount and capability needs it. */
const separate = new WeakMap<object, ReadonlySet<string>>();

function separateTypes(namespaces: readonly Draft<Namespace>[]): ReadonlySet<string> {
  const paths = new Map<string, string>();
  for (const { type, path = '' } of namespaces)
    if (type !== undefined && !paths.has(type)) paths.set(type, path);
  const own = [...paths].filter(([, path]) => !/^\/proc\/(?:1|self|thread-self)\/ns\//.test(path));
  return new Set(own.map(([type]) => type));
}

/** The last of the options ro and rw decides. */
export function isReadOnly(options: readonly string[] = []): boolean {
  return /^r?ro$/.test(options.filter(option => /^r?r[ow]$/.test(option)).at(-1) ?? '');
}

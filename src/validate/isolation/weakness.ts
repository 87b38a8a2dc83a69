// SPDX-License-Identifier: Apache-2.0
import type { ErrorFields } from '../../errors/error.ts';
import type { Config, Namespace } from '../../oci/config.ts';
import type { NamespaceType } from '../../oci/namespaces.ts';
import type { Draft } from '../context.ts';

/** Something that is allowed, and lets the container nearer to the host than it need be. */
export interface Weakness extends ErrorFields {
  readonly pointer: string;
  /** What a program in the container could do with it. */
  readonly why: string;
  /** What to do about it. */
  readonly hint: string;
}

/** A look at one side of the isolation. Pure: it sees the config alone. */
export type IsolationCheck = (config: Draft<Config>) => readonly Weakness[];

/** True when the container gets a namespace of this type of its own, or joins one that is not the first process's. */
export function isSeparate(config: Draft<Config>, type: NamespaceType): boolean {
  const namespaces = config.linux?.namespaces ?? [];
  let types = separate.get(namespaces);
  if (types === undefined) {
    types = separateTypes(namespaces);
    separate.set(namespaces, types);
  }
  return types.has(type);
}

/** By the list of namespaces: every mount and capability asks. */
const separate = new WeakMap<object, ReadonlySet<string>>();

function separateTypes(namespaces: readonly Draft<Namespace>[]): ReadonlySet<string> {
  const paths = new Map<string, string>();
  for (const { type, path = '' } of namespaces)
    if (type !== undefined && !paths.has(type)) paths.set(type, path);
  const own = [...paths].filter(([, path]) => !/^\/proc\/(?:1|self|thread-self)\/ns\//.test(path));
  return new Set(own.map(([type]) => type));
}

/** Of the words on writing, the last one counts. */
export function isReadOnly(options: readonly string[] = []): boolean {
  return /^r?ro$/.test(options.filter(option => /^r?r[ow]$/.test(option)).at(-1) ?? '');
}

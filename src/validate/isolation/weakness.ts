// SPDX-License-Identifier: Apache-2.0
import type { ErrorFields } from '../../errors/error.ts';
import type { Config } from '../../oci/config.ts';
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
  const found = config.linux?.namespaces?.find(namespace => namespace.type === type);
  return found !== undefined && !/^\/proc\/(?:1|self|thread-self)\/ns\//.test(found.path ?? '');
}

/** Of the words on writing, the last one counts. */
export function isReadOnly(options: readonly string[] = []): boolean {
  return /^r?ro$/.test(options.filter(option => /^r?r[ow]$/.test(option)).at(-1) ?? '');
}

// SPDX-License-Identifier: Apache-2.0
import { pointersOverlap } from '../bundle/pointer.ts';
import type { ErrorFields } from '../errors/error.ts';
import type { Config } from '../oci/config.ts';
import type { NamespaceType } from '../oci/namespaces.ts';

/** A config in which everything that is there is of the right type, but anything may be missing. */
export type Draft<T> = T extends string | number | bigint | boolean
  ? T
  : T extends readonly (infer Entry)[]
    ? readonly Draft<Entry>[]
    : { readonly [Key in keyof T]?: Draft<T[Key]> };

export interface CheckOptions {
  /** The root is to be moved (`--no-pivot`) instead of pivoted to. Default false. */
  readonly noPivot?: boolean;
  /** Only `start` needs a process: one may be missing. Default false. */
  readonly processOptional?: boolean;
}

/** A rule that the types alone cannot say. It reports into the context and never throws. */
export type Check = (context: CheckContext) => void;

export class CheckContext {
  readonly config: Draft<Config>;
  readonly options: CheckOptions;
  private readonly problems: ErrorFields[];
  private readonly warnings: ErrorFields[];
  /** Pointers that have been found to be of the wrong type: what is said about them already is enough. */
  private readonly wrong: readonly string[];

  constructor(
    config: Draft<Config>,
    options: CheckOptions,
    problems: ErrorFields[],
    warnings: ErrorFields[],
  ) {
    this.config = config;
    this.options = options;
    this.problems = problems;
    this.warnings = warnings;
    this.wrong = problems
      .filter(problem => problem.code !== 'config.unsupported')
      .map(at => at.pointer ?? '');
  }

  problem(fields: ErrorFields & { readonly pointer: string }): void {
    if (!this.isWrong(fields.pointer)) this.problems.push(fields);
  }

  warn(fields: ErrorFields & { readonly pointer: string }): void {
    if (!this.isWrong(fields.pointer)) this.warnings.push(fields);
  }

  private isWrong(at: string): boolean {
    return this.wrong.some(pointer => pointersOverlap(pointer, at));
  }

  /** True when the container gets a namespace of this type of its own, or joins one. */
  hasNamespace(type: NamespaceType): boolean {
    return this.config.linux?.namespaces?.some(namespace => namespace.type === type) ?? false;
  }
}

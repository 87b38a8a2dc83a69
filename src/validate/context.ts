// SPDX-License-Identifier: Apache-2.0
import { pointersAround } from '../bundle/pointer.ts';
import type { ErrorFields } from '../errors/error.ts';
import type { Config } from '../oci/config.ts';
import type { NamespaceType } from '../oci/namespaces.ts';
import { isFull, keepProblem, keepWarning, untilEnough } from './findings.ts';

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

/** A rule that the types alone cannot say. It reports into the context. */
export type Check = (context: CheckContext) => void;

/** In their order, as long as problems are kept: not after a walk that has not come to its end. */
export function runChecks(checks: readonly Check[], context: CheckContext): void {
  if (context.hasEnough()) return;
  untilEnough(() => {
    for (const check of checks) check(context);
  });
}

export class CheckContext {
  readonly config: Draft<Config>;
  readonly options: CheckOptions;
  private readonly problems: ErrorFields[];
  private readonly warnings: ErrorFields[];
  /** Pointers that have been found to be of the wrong type: what is said about them already is enough. */
  private readonly wrong = new Set<string>();
  /** Those of all that is around them. */
  private readonly aroundWrong = new Set<string>();
  private readonly namespaces: ReadonlySet<string | undefined>;

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
    this.namespaces = new Set(config.linux?.namespaces?.map(({ type }) => type));
    for (const { code, pointer = '' } of problems) {
      if (code === 'config.unsupported') continue;
      this.wrong.add(pointer);
      for (const around of pointersAround(pointer)) this.aroundWrong.add(around);
    }
  }

  /** @throws Enough when there are so many that no more are kept */
  problem(fields: ErrorFields & { readonly pointer: string }): void {
    if (!this.isWrong(fields.pointer)) keepProblem(this.problems, fields);
  }

  warn(fields: ErrorFields & { readonly pointer: string }): void {
    if (!isFull(this.warnings) && !this.isWrong(fields.pointer)) keepWarning(this.warnings, fields);
  }

  /** True when no more warnings are kept: what they would say need not be made. */
  hasEnoughWarnings(): boolean {
    return isFull(this.warnings);
  }

  hasEnough(): boolean {
    return isFull(this.problems);
  }

  private isWrong(pointer: string): boolean {
    if (this.wrong.size === 0) return false;
    if (this.wrong.has(pointer) || this.aroundWrong.has(pointer)) return true;
    return pointersAround(pointer).some(around => this.wrong.has(around));
  }

  /** True when the container gets a namespace of this type of its own, or joins one. */
  hasNamespace(type: NamespaceType): boolean {
    return this.namespaces.has(type);
  }
}

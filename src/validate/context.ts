// SPDX-License-Identifier: Apache-2.0
import { pointersAround } from '../bundle/pointer.ts';
import type { ErrorFields } from '../errors/error.ts';
import type { Config } from '../oci/config.ts';
import type { NamespaceType } from '../oci/namespaces.ts';
import { isFull, keepProblem, keepWarning, stopAtLimit } from './findings.ts';

/** A config whose existing members have the right type; any member may be missing. */
export type Draft<T> = T extends string | number | bigint | boolean
  ? T
  : T extends readonly (infer Entry)[]
    ? readonly Draft<Entry>[]
    : { readonly [Key in keyof T]?: Draft<T[Key]> };

export interface CheckOptions {
  /** The root is moved (`--no-pivot`) instead of using pivot_root. Default false. */
  readonly noPivot?: boolean;
  /** The config may have no process; only `start` needs one. Default false. */
  readonly processOptional?: boolean;
}

/** A rule beyond the types. It reports to the context. */
export type Check = (context: CheckContext) => void;

/** Runs the checks in order until too many problems are found; runs none if `checkShape` stopped for that reason. */
export function runChecks(checks: readonly Check[], context: CheckContext): void {
  if (context.hasTooManyProblems()) return;
  stopAtLimit(() => {
    for (const check of checks) check(context);
  });
}

export class CheckContext {
  readonly config: Draft<Config>;
  readonly options: CheckOptions;
  private readonly problems: ErrorFields[];
  private readonly warnings: ErrorFields[];
  /** Pointers of values with a wrong type, which are reported already. */
  private readonly wrong = new Set<string>();
  /** Pointers of all values that contain a value of the wrong type. */
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
    for (const { pointer = '' } of problems) {
      this.wrong.add(pointer);
      for (const around of pointersAround(pointer)) this.aroundWrong.add(around);
    }
  }

  /** @throws TooManyProblems if there are too many problems */
  problem(fields: ErrorFields & { readonly pointer: string }): void {
    if (!this.isWrong(fields.pointer)) keepProblem(this.problems, fields);
  }

  warn(fields: ErrorFields & { readonly pointer: string }): void {
    if (!isFull(this.warnings) && !this.isWrong(fields.pointer)) keepWarning(this.warnings, fields);
  }

  /** Returns true if no more warnings are stored: further ones need not be created. */
  hasTooManyWarnings(): boolean {
    return isFull(this.warnings);
  }

  hasTooManyProblems(): boolean {
    return isFull(this.problems);
  }

  private isWrong(pointer: string): boolean {
    if (this.wrong.size === 0) return false;
    if (this.wrong.has(pointer) || this.aroundWrong.has(pointer)) return true;
    return pointersAround(pointer).some(around => this.wrong.has(around));
  }

  /** Returns true if the container creates or joins a namespace of this type. */
  hasNamespace(type: NamespaceType): boolean {
    return this.namespaces.has(type);
  }
}

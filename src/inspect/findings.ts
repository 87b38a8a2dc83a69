// SPDX-License-Identifier: Apache-2.0
import { type ErrorFields, RuntimeError } from '../errors/error.ts';
import type { Unchecked } from '../validate/report.ts';

/** What looking at the machine collects. */
export class Findings {
  /** What `create` would refuse. */
  readonly problems: ErrorFields[] = [];
  /** What `start` or a later command would refuse. */
  readonly warnings: ErrorFields[] = [];
  readonly unchecked: Unchecked[] = [];

  /** The result of `work`, or undefined when it is refused, which is a problem then. */
  attempt<T>(work: () => T): T | undefined {
    try {
      return work();
    } catch (error) {
      if (!(error instanceof RuntimeError)) throw error;
      this.problems.push(error.fields());
      return undefined;
    }
  }

  /** Something that only `create` itself can find out. */
  skip(pointer: string, message: string): void {
    if (this.unchecked.some(other => other.pointer === pointer && other.message === message)) return;
    this.unchecked.push({ pointer, message });
  }
}

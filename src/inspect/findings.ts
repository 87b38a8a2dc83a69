// SPDX-License-Identifier: Apache-2.0
import { type ErrorFields, RuntimeError } from '../errors/error.ts';
import { mostFindings } from '../validate/findings.ts';
import type { Unchecked } from '../validate/report.ts';

/** What looking at the machine collects. */
export class Findings {
  /** What `create` would refuse. */
  readonly problems: ErrorFields[] = [];
  /** What `start` or a later command would refuse. */
  readonly warnings: ErrorFields[] = [];
  readonly unchecked: Unchecked[] = [];
  private readonly skipped = new Set<string>();

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
    const key = `${pointer} ${message}`;
    if (this.skipped.has(key) || this.unchecked.length > mostFindings) return;
    this.skipped.add(key);
    if (this.unchecked.length < mostFindings) this.unchecked.push({ pointer, message });
    else
      this.unchecked.push({
        pointer: '',
        message: `more than ${mostFindings} things: the others are not listed`,
      });
  }
}

// SPDX-License-Identifier: Apache-2.0
import { type ErrorFields, RuntimeError } from '../errors/error.ts';
import { isFull, mostFindings } from '../validate/findings.ts';
import type { Unchecked } from '../validate/report.ts';

/** Collects the results of the inspection. */
export class Findings {
  /** Reasons for which `create` would fail. */
  readonly problems: ErrorFields[] = [];
  /** Reasons for which `start` or a later command would fail. */
  readonly warnings: ErrorFields[] = [];
  readonly unchecked: Unchecked[] = [];
  private readonly known = new Set<string>();

  /** Returns the result of `work`; if it throws, adds a problem and returns undefined. */
  attempt<T>(work: () => T): T | undefined {
    try {
      return work();
    } catch (error) {
      if (!(error instanceof RuntimeError)) throw error;
      this.problems.push(error.fields());
      return undefined;
    }
  }

  /** True if further findings of one kind are not kept. */
  isFull(): boolean {
    return isFull(this.problems) || isFull(this.warnings);
  }

  /** Adds an item that only `create` itself can check. */
  addUnchecked(pointer: string, message: string): void {
    const key = `${pointer} ${message}`;
    if (this.known.has(key) || this.unchecked.length > mostFindings) return;
    this.known.add(key);
    if (this.unchecked.length < mostFindings) this.unchecked.push({ pointer, message });
    else
      this.unchecked.push({
        pointer: '',
        message: `more than ${mostFindings} checks: the others are not listed`,
      });
  }
}

// SPDX-License-Identifier: Apache-2.0
import type { RuntimeError } from '../errors/error.ts';
import { toRuntimeError } from '../errors/system.ts';

interface Entry {
  readonly what: string;
  readonly undo: () => void;
}

/**
 * What has to be taken back should a later step fail: armed step by step, as things become ours and never before,
 * so that a failure cannot undo what belongs to somebody else. Taken back in reverse.
 */
export class UndoList {
  #entries: Entry[] = [];

  /** @param what - said in `cleanup` when the undo itself fails: `the cgroup /a/b` */
  arm(what: string, undo: () => void): void {
    this.#entries.push({ what, undo });
  }

  /** All is well: nothing will be taken back. */
  disarm(): void {
    this.#entries = [];
  }

  /** Takes everything back, newest first; what could not be is returned as text, and does not stop the rest. */
  rollback(): string[] {
    const leftovers: string[] = [];
    for (const { what, undo } of this.#entries.splice(0).reverse()) {
      try {
        undo();
      } catch (error) {
        leftovers.push(`${what}: ${toRuntimeError(error).message}`);
      }
    }
    return leftovers;
  }

  /** The failure to throw on: everything taken back, and what that left behind riding along in `cleanup`. */
  fail(error: unknown): RuntimeError {
    const first = toRuntimeError(error);
    const leftovers = this.rollback();
    if (leftovers.length === 0) return first;
    return first.with({ cleanup: [...(first.cleanup ?? []), ...leftovers] });
  }
}

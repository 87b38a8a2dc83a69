// SPDX-License-Identifier: Apache-2.0
import type { RuntimeError } from '../errors/error.ts';
import { toRuntimeError } from '../errors/system.ts';

interface Entry {
  readonly what: string;
  readonly undo: () => void;
}

/**
 * The undo actions for a failure of a later step. Each is armed as soon as its effect exists and never before, because
 * an undo must not remove an object of another container. They run in reverse order.
 */
export class UndoList {
  #entries: Entry[] = [];

  /**
   * @param what - name in `cleanup` if the undo itself fails: `the cgroup /a/b`
   */
  arm(what: string, undo: () => void): void {
    this.#entries.push({ what, undo });
  }

  /** Drops all entries after a success. */
  disarm(): void {
    this.#entries = [];
  }

  /** Runs all undo actions, newest first. Returns a text for each that failed; a failure does not stop the rest. */
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

  /** Undoes everything and returns the error to throw, with the failed undo actions in `cleanup`. */
  fail(error: unknown): RuntimeError {
    const first = toRuntimeError(error);
    const leftovers = this.rollback();
    if (leftovers.length === 0) return first;
    return first.with({ cleanup: [...(first.cleanup ?? []), ...leftovers] });
  }
}

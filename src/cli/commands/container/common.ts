// SPDX-License-Identifier: Apache-2.0
import type { DirectContainer } from '../../../direct/container.ts';
import { type DirectStore, findContainer } from '../../../direct/store.ts';
import { isRuntimeError, type RuntimeError } from '../../../errors/error.ts';
import { imageStore } from '../../../image/blobs.ts';
import type { Context } from '../../command.ts';

export function directStore({ runtime }: Context): DirectStore {
  return imageStore(runtime.binding);
}

/** Returns a failure after which the command continues. A fault of tsubo itself is thrown again. */
export function failureOf(error: unknown): RuntimeError {
  if (isRuntimeError(error) && error.code !== 'internal') return error;
  throw error;
}

/**
 * Calls `work` for each container and prints the word by which it was given. A failure is reported, and the next one
 * follows.
 *
 * @returns the exit status
 */
export function forEachContainer(
  context: Context,
  words: readonly string[],
  work: (store: DirectStore, container: DirectContainer) => void,
): number {
  const store = directStore(context);
  let status = 0;
  for (const word of words) {
    try {
      work(store, findContainer(store, word));
      context.print(`${word}\n`);
    } catch (error) {
      context.report(failureOf(error));
      status = 1;
    }
  }
  return status;
}

// SPDX-License-Identifier: Apache-2.0
import { findId } from '../../../direct/store.ts';
import { isRuntimeError } from '../../../errors/error.ts';
import type { Context } from '../../command.ts';
import { directStore } from '../container/common.ts';

/**
 * Calls `work` with the id of a container. Only if no container has this id, the text is the name of one of
 * `tsubo container`, or the beginning of its id.
 */
export function withContainer<T>(context: Context, text: string, work: (id: string) => T): T {
  try {
    return work(text);
  } catch (error) {
    if (!(isRuntimeError(error) && error.code === 'state.not-found')) throw error;
    const id = named(context, text);
    if (id === undefined) throw error;
    return work(id);
  }
}

function named(context: Context, text: string): string | undefined {
  try {
    return findId(directStore(context), text);
  } catch (error) {
    if (isRuntimeError(error) && error.code === 'direct.no-container') return undefined;
    throw error;
  }
}

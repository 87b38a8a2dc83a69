// SPDX-License-Identifier: Apache-2.0
import { RuntimeError } from '../../errors/error.ts';
import { lastComponent, parentPath } from '../../host/paths.ts';
import type { ContainerRecord } from '../record.ts';
import type { Runtime } from '../runtime.ts';
import { statusOf } from '../status.ts';
import { isHeld, readRecord } from '../store.ts';

/**
 * The container that owns an address or a port. Its state is computed each time, therefore no flag has to be cleared
 * after a crash.
 */
export interface Owner {
  readonly id: string;
  /** The address is in use: the container runs, is created, or is being created. */
  readonly isActive: boolean;
  readonly record?: ContainerRecord;
}

/** @param directory - the container's state directory; it may be below another root than the runtime's */
export function ownerAt(runtime: Runtime, directory: string): Owner {
  const id = lastComponent(directory);
  const ownerRuntime: Runtime = { ...runtime, root: parentPath(directory) };
  try {
    const record = readRecord(ownerRuntime, id);
    return { id, record, isActive: statusOf(ownerRuntime, record, { held: false }) !== 'stopped' };
  } catch (error) {
    if (!(error instanceof RuntimeError)) throw error;
    switch (error.code) {
      // A create that has not written its record yet holds the lock.
      case 'state.not-found':
        return { id, isActive: isHeld(ownerRuntime, id) };
      case 'state.bad-id':
        return { id, isActive: false };
      // Damaged, or of another user: it may run.
      default:
        return { id, isActive: true };
    }
  }
}

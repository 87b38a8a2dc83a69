// SPDX-License-Identifier: Apache-2.0
import { RuntimeError } from '../errors/error.ts';
import { entryPath } from '../host/paths.ts';
import { removeRdtGroup } from '../rdt/group.ts';
import { deleteDamaged } from './delete-damaged.ts';
import { runPoststopHooks } from './hooks.ts';
import { unmountRoot } from './host-mounts.ts';
import { endInit } from './init-process.ts';
import { removePlace } from './make-cgroup.ts';
import { detachNetworks, freeAllAddresses } from './network-end.ts';
import { type ContainerRecord, files, type InitRecord } from './record.ts';
import type { Runtime } from './runtime.ts';
import { requireStatus, statusOf } from './status.ts';
import {
  hold,
  isEmpty,
  isUnusable,
  missing,
  notFound,
  readRecord,
  removeState,
  type StateLock,
} from './store.ts';
import { releaseUpper } from './upper-layer.ts';

export interface DeleteOptions {
  /** Kills a running container, and ignores an unknown id. Default false. */
  readonly force?: boolean;
  /**
   * The init that the caller has reaped. A container that was created under the same id since then is not deleted.
   * Default: any container with the id.
   */
  readonly ended?: InitRecord;
  /** Deletes only the container with this init; for another one with the id, the call does what it does without one. */
  readonly only?: InitRecord;
}

/**
 * Removes everything that `create` made: processes, cgroup, state directory. A container that is only created is killed
 * first. If something cannot be removed, the state directory stays and the delete can be repeated.
 *
 * @throws RuntimeError `state.not-found` (never with `force`), `state.running`, `state.busy`, `state.damaged`,
 *   `state.cgroup-not-empty`, `host.syscall`
 * @see runtime.md#delete
 */
export function deleteContainer(runtime: Runtime, id: string, options: DeleteOptions = {}): void {
  const { force = false, ended, only } = options;
  // Kill before locking: a `start` that holds the lock may wait for the exit of this very process.
  if (force && ended === undefined) killEarly(runtime, id, only);
  const held = hold(runtime, id);
  if (held === undefined) {
    if (force) return;
    throw notFound(runtime, id);
  }
  try {
    const record = readRecordOrError(runtime, held);
    if (only !== undefined && (!isRecord(record) || !isSame(record.init, only))) {
      held.release();
      if (force) return;
      throw notFound(runtime, id);
    }
    if (record === undefined) {
      // A create was killed before it wrote the record. It may have taken addresses.
      freeAllAddresses(runtime, held.directory);
      removeState(runtime, held);
      return;
    }
    if (record instanceof RuntimeError) {
      if (!force) throw record;
      deleteDamaged(runtime, held, record);
      return;
    }
    if (ended !== undefined && !isSame(record.init, ended)) {
      held.release();
      return;
    }
    if (!force) requireStatus('delete', id, statusOf(runtime, record, { held: true }));
    if (record.init !== undefined && ended === undefined) endInit(runtime.binding, id, record.init);
    destroy(runtime, record, held);
  } catch (error) {
    held.release();
    throw error;
  }
}

function isRecord(record: ContainerRecord | RuntimeError | undefined): record is ContainerRecord {
  return record !== undefined && !(record instanceof RuntimeError);
}

function isSame(one: InitRecord | undefined, other: InitRecord): boolean {
  return one?.pid === other.pid && one.startTime === other.startTime;
}

/**
 * Removes everything that belongs to a container whose init has exited. The state directory is removed after the
 * cgroup, because only the record contains its path.
 */
function destroy(runtime: Runtime, record: ContainerRecord, held: StateLock): void {
  const { binding } = runtime;
  if (record.cgroup !== undefined) {
    removePlace(binding, record.cgroup, record.init === undefined ? 'spare' : 'kill');
  }
  if (record.rdt !== undefined) removeRdtGroup(binding, record.rdt, record.init !== undefined);
  if (record.network !== undefined) detachNetworks(runtime, record.network, held.directory);
  if (record.mountsBelow !== undefined) unmountRoot(binding, record.rootfs, record.mountsBelow);
  releaseUpper(runtime, record.id, record.upper);
  removeState(runtime, held);
  if (record.hooks?.poststop !== undefined) runPoststopHooks(runtime, record);
}

function killEarly(runtime: Runtime, id: string, only: InitRecord | undefined): void {
  try {
    const { init } = readRecord(runtime, id);
    if (only !== undefined && !isSame(init, only)) return;
    if (init !== undefined) endInit(runtime.binding, id, init);
  } catch (error) {
    // An unknown or damaged container is handled under the lock.
    if (!(error instanceof RuntimeError) || error.code === 'state.bad-id') throw error;
    if (error.code !== 'state.not-found' && !isUnusable(error)) throw error;
  }
}

/** Returns the record, or the error if it cannot be used; undefined if the state directory is empty. */
function readRecordOrError(runtime: Runtime, held: StateLock): ContainerRecord | RuntimeError | undefined {
  try {
    return readRecord(runtime, held.id);
  } catch (error) {
    if (!(error instanceof RuntimeError)) throw error;
    if (!isUnusable(error) && error.code !== 'state.not-found') throw error;
    if (isEmpty(runtime, held)) return undefined;
    // The lock is held: no create is in progress, and the record should exist.
    return isUnusable(error) ? error : missing(entryPath(held.directory, files.record));
  }
}

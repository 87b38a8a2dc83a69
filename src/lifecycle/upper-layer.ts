// SPDX-License-Identifier: Apache-2.0
import { errno } from '../errors/errno.ts';
import { RuntimeError } from '../errors/error.ts';
import { onHost, refusalOf } from '../errors/system.ts';
import type { Binding } from '../host/binding.d.ts';
import { unlessMissing } from '../host/files.ts';
import { openLocked } from '../host/lock.ts';
import { cleanPath } from '../host/paths.ts';
import type { UpperRequest } from '../plan/root-mount.ts';
import { type ContainerRecord, files, type UpperLayer } from './record.ts';
import type { Runtime } from './runtime.ts';
import { statusOf } from './status.ts';
import { readRecord } from './store.ts';

/**
 * The kernel lets two overlays write into one upper directory, with undefined results. Therefore the record of each
 * container contains the directories that it writes into, and a create compares them with all records.
 *
 * A volatile overlay never syncs. The kernel marks its work directory and refuses the upper directory from then on,
 * because a crash of the machine may have damaged the files. `delete` removes the marker, because the machine has not
 * crashed if it still runs. If the runtime was killed, the record contains the boot id of the create.
 */

const lockTimeoutMs = 10_000;

/**
 * Calls `record` with the upper layer that the new container will write into, while no other create can claim it.
 * Calls it without a layer if the runtime cannot read a directory of it: the init reports the failure.
 *
 * @throws RuntimeError `state.layer-in-use`, `state.layer-unsynced`, `state.busy`
 */
export function claimUpper(
  runtime: Runtime,
  id: string,
  request: UpperRequest,
  record: (upper: UpperLayer | undefined) => void,
): void {
  const { binding } = runtime;
  const upper = layerAt(binding, request);
  if (upper === undefined) {
    record(undefined);
    return;
  }
  const lock = lockUpper(binding, upper.path);
  if (lock === 'busy') throw busy(request, upper);
  try {
    const others = containersOn(runtime, id, upper);
    const holder = holderOf(runtime, others);
    if (holder !== undefined) throw inUse(request, upper, holder);
    const marker = markerOf(upper);
    if (binding.stat(marker) !== undefined) {
      const boot = bootId(binding);
      const known = others.some(other => other.upper?.workId === upper.workId && other.upper.bootId === boot);
      if (!known) throw unsynced(request, marker);
      binding.removeTree(marker);
    }
    record(upper);
  } finally {
    if (lock !== undefined) binding.close(lock);
  }
}

/**
 * Removes the marker of a volatile layer after its container has ended, because the kernel would refuse the directory
 * to the next container. Does nothing if another container uses the directory by now or is being created in it, or after
 * a reboot.
 */
export function releaseUpper(runtime: Runtime, id: string, upper: UpperLayer | undefined): void {
  const { binding } = runtime;
  if (upper?.bootId === undefined || upper.bootId !== bootId(binding)) return;
  const lock = lockUpper(binding, upper.path);
  if (lock === 'busy') return;
  try {
    if (holderOf(runtime, containersOn(runtime, id, upper)) === undefined)
      binding.removeTree(markerOf(upper));
  } finally {
    if (lock !== undefined) binding.close(lock);
  }
}

function holderOf(runtime: Runtime, records: readonly ContainerRecord[]): ContainerRecord | undefined {
  return records.find(record => statusOf(runtime, record, { held: false }) !== 'stopped');
}

/** The kernel makes this directory. */
function markerOf({ work }: UpperLayer): string {
  return `${work}/work/incompat/volatile`;
}

function bootId(binding: Binding): string {
  return binding.readText('/proc/sys/kernel/random/boot_id').trim();
}

function layerAt(binding: Binding, { path, work, volatile }: UpperRequest): UpperLayer | undefined {
  let found: UpperLayer | undefined;
  refusalOf(() => {
    const [upperId, workId] = [identityOf(binding, path), identityOf(binding, work)];
    if (upperId === undefined || workId === undefined) return;
    found = {
      path: withoutDots(binding, path),
      work: withoutDots(binding, work),
      id: upperId,
      workId,
      ...(volatile && { bootId: bootId(binding) }),
    };
  });
  return found;
}

/** `..` after a symbolic link leads to another directory than cleanPath() computes. */
function withoutDots(binding: Binding, path: string): string {
  return cleanPath(path) === path ? path : binding.realpath(path);
}

function identityOf(binding: Binding, path: string): string | undefined {
  const status = binding.stat(path);
  return status && `${status.dev}:${status.ino}`;
}

/**
 * Opens and locks an upper directory. Returns undefined if it is missing or if this user may not open it.
 *
 * @returns 'busy' if another process holds the lock for 10 seconds
 */
function lockUpper(binding: Binding, path: string): number | 'busy' | undefined {
  let fd: number | undefined;
  const refusal = refusalOf(() => {
    fd = openLocked(binding, path, lockTimeoutMs);
  });
  if (refusal === undefined) return fd ?? 'busy';
  if (unreadable.has(refusal.errno)) return undefined;
  return onHost(`unable to lock ${path}`, () => {
    throw refusal;
  });
}

const unreadable: ReadonlySet<number> = new Set([errno.EACCES, errno.ENOENT]);

function busy(request: UpperRequest, { path }: UpperLayer): RuntimeError {
  return new RuntimeError({
    code: 'state.busy',
    message: `upperdir ${path} is locked by another process`,
    pointer: request.origin,
    path,
    hint: 'run lslocks to find the process that holds the lock',
  });
}

/** Records of other containers that write into one of the two directories. */
function containersOn(runtime: Runtime, own: string, { id, workId }: UpperLayer): ContainerRecord[] {
  const { binding, root } = runtime;
  const texts = ['upper.id', 'upper.workId'];
  const request = { directory: root, file: files.record, texts, numbers: ['version'], objects: [] };
  const found: ContainerRecord[] = [];
  const width = texts.length + 4;
  for (const text of unlessMissing(() => binding.readMembers(request)) ?? []) {
    const values = text.split('\0');
    for (let at = 0; at + width <= values.length; at += width) {
      const [name = '', , , upper, work, version] = values.slice(at, at + width);
      // Without a version, the members could not be read without a full parser: parse the whole record.
      if (name === own || (version !== '' && upper !== id && work !== workId)) continue;
      const record = recordIfReadable(runtime, name);
      if (record?.upper?.id === id || record?.upper?.workId === workId) found.push(record);
    }
  }
  return found;
}

/**
 * Returns undefined for a container that is being made or deleted, and for a record that cannot be read, which may have
 * no upper layer.
 */
function recordIfReadable(runtime: Runtime, id: string): ContainerRecord | undefined {
  try {
    return readRecord(runtime, id);
  } catch (error) {
    if (!(error instanceof RuntimeError)) throw error;
    return undefined;
  }
}

function inUse(request: UpperRequest, { path }: UpperLayer, holder: ContainerRecord): RuntimeError {
  return new RuntimeError({
    code: 'state.layer-in-use',
    message: `upperdir ${path} is in use by container ${holder.id}`,
    pointer: request.origin,
    path,
    value: holder.id,
    hint: `delete that container first (tsubo delete --force ${holder.id}), or use another upperdir and workdir`,
  });
}

function unsynced(request: UpperRequest, marker: string): RuntimeError {
  return new RuntimeError({
    code: 'state.layer-unsynced',
    message: `unable to use upperdir ${request.path}: a volatile overlay wrote it, and its files may not be on the disk`,
    pointer: request.origin,
    path: marker,
    hint: `use an empty upperdir and workdir, or check the files and remove ${marker}`,
  });
}

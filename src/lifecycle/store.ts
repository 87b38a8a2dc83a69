// SPDX-License-Identifier: Apache-2.0

import { errno, errnoText } from '../errors/errno.ts';
import { RuntimeError } from '../errors/error.ts';
import { hostFailure, isSystemError, onHost, refusalOf, toRuntimeError } from '../errors/system.ts';
import { makeDirectories, unlessMissing } from '../host/files.ts';
import { entryPath } from '../host/paths.ts';
import { O } from '../kernel/files.ts';
import { type Fault, parseRecord, recordText } from './check-record.ts';
import { checkId } from './ids.ts';
import { type ContainerRecord, files } from './record.ts';
import type { Runtime } from './runtime.ts';
import { withSourceLocation } from './source-location.ts';

/** Default time limit of `hold` in milliseconds: `start` and `delete` of one container wait for each other. */
const lockTimeoutMs = 10_000;

/** A container's state directory, locked exclusively until `release`. */
export interface StateLock {
  readonly id: string;
  readonly directory: string;
  /** A second call does nothing. */
  release(): void;
}

/** Returns the error for a failed call in the root directory, with a hint for a user without access. */
export function rootFailure(error: unknown, attempt: string): unknown {
  if (!isSystemError(error)) return error;
  const refused = [errno.EACCES, errno.EPERM, errno.EROFS].includes(error.errno);
  const hint = 'use a writable directory with --root, or set XDG_RUNTIME_DIR';
  return hostFailure(error, attempt, refused ? { hint } : {});
}

/** Returns `<root>/<id>`. */
export function stateDirectory(runtime: Runtime, id: string): string {
  checkId(id);
  return entryPath(runtime.root, id);
}

/**
 * Makes a container's state directory and locks it.
 *
 * @throws RuntimeError `state.bad-id`, `state.exists`, `state.busy`, `host.syscall`
 */
export function claim(runtime: Runtime, id: string): StateLock {
  const { binding } = runtime;
  const directory = stateDirectory(runtime, id);
  try {
    makeDirectories(binding, runtime.root, 0o700);
  } catch (error) {
    throw rootFailure(error, `unable to make the root directory ${runtime.root}`);
  }
  try {
    // Searchable by others: the container's user must be able to reach a file in it.
    binding.mkdir(directory, 0o711);
  } catch (error) {
    if (!isSystemError(error)) throw error;
    if (error.errno !== errno.EEXIST) throw rootFailure(error, `unable to make ${directory}`);
    throw new RuntimeError({
      code: 'state.exists',
      message: 'container with given ID already exists',
      path: directory,
      value: id,
      hint: `choose another id, or remove the old container: tsubo delete --force ${id}`,
    });
  }
  const held = holdNew(runtime, id, directory);
  if (held !== undefined) return held;
  // No undo: a `delete` has removed the directory, and another create may have made it again.
  throw new RuntimeError({
    code: 'state.busy',
    message: `the state directory of container ${id} was removed while it was being made`,
    path: directory,
    value: id,
    hint: 'a delete of the same id ran at the same time; try again',
  });
}

/** Locks the directory that was just made. If that fails, removes it, because the id would otherwise stay taken. */
function holdNew(runtime: Runtime, id: string, directory: string): StateLock | undefined {
  try {
    return hold(runtime, id);
  } catch (error) {
    const failure = toRuntimeError(error);
    // Another command holds the lock and decides about the directory.
    if (failure.code === 'state.busy') throw failure;
    // rmdir(2) keeps the directory of another create, if that create has written its record.
    const refusal = refusalOf(() => runtime.binding.rmdir(directory));
    if (refusal === undefined || refusal.errno === errno.ENOENT) throw failure;
    throw failure.with({ cleanup: [`the state directory ${directory}: ${errnoText(refusal.errno)}`] });
  }
}

/**
 * Locks a state directory, whatever it contains. Returns undefined if there is none.
 *
 * @param timeoutMs - time limit for another command to release the lock, in milliseconds (default 10000)
 * @throws RuntimeError `state.busy`
 */
export function hold(runtime: Runtime, id: string, timeoutMs = lockTimeoutMs): StateLock | undefined {
  const { binding } = runtime;
  const directory = stateDirectory(runtime, id);
  const fd = onHost(`unable to open ${directory}`, () =>
    unlessMissing(() => binding.open(directory, O.O_RDONLY | O.O_CLOEXEC, 0)),
  );
  if (fd === undefined) return undefined;
  let taken: boolean | undefined;
  try {
    // ENOENT: the previous holder has removed the directory.
    taken = onHost(`unable to lock ${directory}`, () => unlessMissing(() => binding.lock(fd, timeoutMs)));
  } finally {
    if (taken !== true) binding.close(fd);
  }
  if (taken === undefined) return undefined;
  if (!taken) {
    throw new RuntimeError({
      code: 'state.busy',
      message: `container ${id} is busy: another command holds ${directory}`,
      path: directory,
      value: id,
      hint: 'run lslocks to find the process that holds the lock',
    });
  }
  let open = true;
  const release = (): void => {
    if (open) binding.close(fd);
    open = false;
  };
  return { id, directory, release };
}

/** Returns true if a command holds the lock now. */
export function isHeld(runtime: Runtime, id: string): boolean {
  const fd = unlessMissing(() =>
    runtime.binding.open(stateDirectory(runtime, id), O.O_RDONLY | O.O_CLOEXEC, 0),
  );
  if (fd === undefined) return false;
  const free = unlessMissing(() => runtime.binding.lock(fd, 0)) ?? true;
  runtime.binding.close(fd);
  return !free;
}

/** Replaces state.json in one step: a reader sees the old record or this one. */
export function writeRecord(runtime: Runtime, record: ContainerRecord): void {
  const path = entryPath(stateDirectory(runtime, record.id), files.record);
  onHost(`unable to write ${path}`, () => runtime.binding.replaceText(path, recordText(record), 0o600));
}

/**
 * @throws RuntimeError `state.not-found` for an unknown id, or if the record is not yet written
 * @throws RuntimeError `state.damaged`
 * @throws RuntimeError `state.untrusted` if other users may have written it
 */
export function readRecord(runtime: Runtime, id: string): ContainerRecord {
  const path = entryPath(stateDirectory(runtime, id), files.record);
  let text: string | undefined;
  try {
    text = runtime.binding.readTextIfThere(path, true);
  } catch (error) {
    if (isSystemError(error) && error.syscall === 'fstat' && error.errno === errno.EPERM)
      throw untrusted(path);
    if (isSystemError(error) && notText.includes(error.errno)) {
      throw damaged(path, `it is not a file with a text: ${errnoText(error.errno)}`);
    }
    throw rootFailure(error, `unable to read ${path}`);
  }
  if (text === undefined) throw withoutRecord(runtime, id, path);
  const record = parseRecord(text, id);
  if (!('message' in record)) return record;
  if (record.newer) throw newerVersion(path, record);
  throw withSourceLocation({ text, document: files.record }, () => {
    throw damaged(path, record.message, record.pointer);
  });
}

/** Errors of reading a path that is a directory, a loop of links or a device, or whose text is too long. */
export const notText: readonly number[] = [errno.EISDIR, errno.ELOOP, errno.ENXIO, errno.ENODEV, errno.EFBIG];

/** Time in milliseconds that a reader waits for a create to lock the directory that it has made. */
const claimMs = 100;

/**
 * Returns the error for a container without a record. A create in progress has no record yet, and a delete in progress
 * none any more. A create that was killed leaves a directory without a record: its id is taken.
 */
function withoutRecord(runtime: Runtime, id: string, path: string): RuntimeError {
  const { binding } = runtime;
  for (let waited = 0; waited < claimMs; waited += 5) {
    // In this order: a delete removes the directory before it releases the lock.
    if (isHeld(runtime, id) || binding.stat(stateDirectory(runtime, id)) === undefined)
      return notFound(runtime, id);
    // A create may have made the directory just now and not locked it yet.
    binding.sleepMs(5);
  }
  return missing(path);
}

/** Returns the error for a directory without a record. */
export function missing(path: string): RuntimeError {
  return damaged(path, 'it is missing: the create of the container was killed, or the file was removed');
}

/** Returns true if the locked directory contains at most an unfinished record: a create was killed before it wrote it. */
export function isEmpty({ binding }: Runtime, { directory }: StateLock): boolean {
  const unfinished = `.${files.record}`;
  return binding.readdir(directory).every(name => name === unfinished);
}

/** Returns the error for a file of the state directory with unexpected contents. */
export function damaged(path: string, why: string, pointer?: string): RuntimeError {
  return new RuntimeError({
    code: 'state.damaged',
    message: `the state file ${path} is damaged: ${why}`,
    pointer,
    path,
    hint: 'delete --force removes what certainly belongs to the container',
  });
}

function newerVersion(path: string, { message, pointer }: Fault): RuntimeError {
  return new RuntimeError({
    code: 'state.newer-version',
    message: `a later version of tsubo wrote the state file ${path}: ${message}`,
    pointer,
    document: files.record,
    path,
    hint: 'use that version; delete --force removes what certainly belongs to the container',
  });
}

/** Returns true if this program cannot use the record of a container; `delete --force` removes such a container. */
export function isUnusable({ code }: RuntimeError): boolean {
  return code === 'state.damaged' || code === 'state.newer-version';
}

/** A record names processes to signal, directories to remove and programs to run: no other user may be able to write it. */
function untrusted(path: string): RuntimeError {
  return new RuntimeError({
    code: 'state.untrusted',
    message: `unable to trust the state file ${path}: another user owns it or can write to it`,
    path,
    hint: 'run the command as the user that created the container; --root must name a directory that only root or this user can write to',
  });
}

export function notFound(runtime: Runtime, id: string): RuntimeError {
  return new RuntimeError({
    code: 'state.not-found',
    message: `container does not exist: ${JSON.stringify(id)} in ${runtime.root}`,
    value: id,
    path: entryPath(runtime.root, id),
    hint: 'run tsubo list with the same --root to list the containers',
  });
}

/** Removes a locked state directory and releases the lock. */
export function removeState(runtime: Runtime, held: StateLock): void {
  const remove = (): void => runtime.binding.removeTree(held.directory);
  const refusal = refusalOf(remove);
  held.release();
  if (refusal === undefined) return;
  onHost(`unable to remove ${held.directory}`, () => {
    if (refusal.errno !== errno.EMFILE) throw refusal;
    // The process was at its limit of descriptors, and the release has closed one.
    remove();
  });
}

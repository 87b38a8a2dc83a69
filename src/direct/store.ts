// SPDX-License-Identifier: Apache-2.0
import { errno, errnoText } from '../errors/errno.ts';
import { RuntimeError } from '../errors/error.ts';
import { hostFailure, onHost, refusalOf } from '../errors/system.ts';
import type { Binding } from '../host/binding.d.ts';
import { isDirectory, makeDirectories, unlessMissing } from '../host/files.ts';
import { openLocked } from '../host/lock.ts';
import { entryPath } from '../host/paths.ts';
import type { ImageStore } from '../image/blobs.ts';
import { O, S_IF, S_IFMT } from '../kernel/files.ts';
import { isUnusable, notText } from '../lifecycle/store.ts';
import { containerText, type DirectContainer, parseContainer } from './container.ts';
import { checkName, idOf, randomName, shortId } from './names.ts';

/**
 * Containers of images, below the directory of the direct mode:
 *
 *     containers/ID/     a container; container.json is written last, therefore a directory without it is unfinished
 *     names/NAME         a symbolic link whose target is the id
 */
export type DirectStore = ImageStore;

/** Files of a container's directory. */
export const containerFiles = {
  record: 'container.json',
  config: 'config.json',
  upper: 'upper',
  work: 'work',
  rootfs: 'rootfs',
  hosts: 'hosts',
  hostname: 'hostname',
  resolvConf: 'resolv.conf',
  init: 'init',
  netns: 'netns',
  log: 'log',
  exit: 'exit.json',
  /** Exists after `stop` or `kill` of a container with a restart policy, until a command starts it again. */
  stopped: 'stopped',
  attempts: 'restart.json',
  /** Exists if the container may have a restart policy: its end then runs `start --after-end`. */
  again: 'restart',
  /** Exit status and error of the last start, if it failed. */
  failedStart: 'failed-start.json',
  health: 'health.json',
  /** Locked during a check of the health. */
  healthLock: 'health.lock',
} as const;

/** Maximum number of random names to try. */
const nameAttempts = 64;
const lockTimeoutMs = 10_000;

function containersPath({ directory }: DirectStore): string {
  return `${directory}/containers`;
}

export function containerPath(store: DirectStore, id: string): string {
  return entryPath(containersPath(store), id);
}

function namesPath({ directory }: DirectStore): string {
  return `${directory}/names`;
}

/** Reads random bytes from /dev/urandom. */
export function randomBytes(binding: Binding, count: number): Uint8Array {
  return onHost('unable to read /dev/urandom', () => binding.readStart('/dev/urandom', count));
}

/** A directory of a container that is being made, and its lock. The name is taken. */
export interface NewContainer {
  readonly id: string;
  readonly name: string;
  readonly directory: string;
  /** Writes container.json: from then on the container exists. Releases the lock. */
  finish(container: DirectContainer): void;
  /** Removes the directory and the name, and releases the lock. */
  abandon(): void;
}

/**
 * Takes the name and makes the directory. The command that creates the container holds the lock of the directory: after a
 * `kill -9` the lock is free, and the next `rm` or `prune` removes the directory.
 *
 * @param name - undefined: choose a random name
 * @throws RuntimeError `direct.bad-name`, `direct.name-taken`
 */
export function newContainer(store: DirectStore, name: string | undefined): NewContainer {
  if (name !== undefined) checkName('container', name);
  const { binding } = store;
  onHost(`unable to make ${containersPath(store)}`, () => {
    makeDirectories(binding, store.directory, 0o755);
    // Other users of the machine cannot enter it: a program of a container may make set-uid files of root there.
    makeDirectories(binding, containersPath(store), 0o700);
    makeDirectories(binding, namesPath(store), 0o755);
  });
  const { id, directory, lock } = makeDirectory(store);
  let taken: string | undefined;
  const abandon = (): void => {
    if (taken !== undefined) freeName(store, taken, id);
    binding.removeTree(directory);
    binding.close(lock);
  };
  try {
    taken = takeName(store, id, name);
  } catch (error) {
    abandon();
    throw error;
  }
  return {
    id,
    name: taken,
    directory,
    finish(container) {
      writeContainer(store, container);
      binding.close(lock);
    },
    abandon,
  };
}

function writeContainer(store: DirectStore, container: DirectContainer): void {
  const path = entryPath(containerPath(store, container.id), containerFiles.record);
  onHost(`unable to write ${path}`, () => store.binding.replaceText(path, containerText(container), 0o600));
}

/**
 * Makes and locks a directory. If a sweep removes it between the two calls as an abandoned one, another id is tried.
 */
function makeDirectory(store: DirectStore): { id: string; directory: string; lock: number } {
  const { binding } = store;
  for (;;) {
    const id = idOf(randomBytes(binding, 32));
    const directory = containerPath(store, id);
    const lock = onHost(`unable to make the container directory ${directory}`, () => {
      binding.mkdir(directory, 0o711);
      return unlessMissing(() => openLocked(binding, directory, lockTimeoutMs));
    });
    if (lock !== undefined) return { id, directory, lock };
  }
}

/** Returns true if a command has stopped a container with a restart policy since its last start. */
export function isStopped(store: DirectStore, id: string): boolean {
  return store.binding.stat(entryPath(containerPath(store, id), containerFiles.stopped), true) !== undefined;
}

/** Called before the signal is sent, because the keeper must not restart the container when it exits. */
export function markStopped(store: DirectStore, id: string): void {
  const path = entryPath(containerPath(store, id), containerFiles.stopped);
  onHost(`unable to write ${path}`, () => store.binding.replaceText(path, '', 0o600));
}

/** Locks a finished container while `work` changes it: two commands that start or remove it exclude each other. */
export function withContainerLock<T>(store: DirectStore, id: string, work: () => T): T {
  const { binding } = store;
  const directory = containerPath(store, id);
  const fd = unlessMissing(() => binding.open(directory, O.O_RDONLY | O.O_CLOEXEC, 0));
  if (fd === undefined) throw noSuchContainer(id);
  try {
    const locked = unlessMissing(() => binding.lock(fd, lockTimeoutMs));
    // Another command has removed the directory meanwhile.
    if (locked === undefined) throw noSuchContainer(id);
    if (!locked) {
      throw new RuntimeError({
        code: 'state.busy',
        message: `container ${shortId(id)} is busy: another command holds the lock of ${directory}`,
        path: directory,
        value: id,
        hint: 'run lslocks to find the process',
      });
    }
    return work();
  } finally {
    binding.close(fd);
  }
}

// ---- names ---------------------------------------------------------------------------------------------------------

function takeName(store: DirectStore, id: string, name: string | undefined): string {
  if (name !== undefined) {
    const holder = tryName(store, id, name);
    if (holder !== undefined) throw nameTaken(name, holder);
    return name;
  }
  for (let attempt = 0; attempt < nameAttempts; attempt++) {
    const random = randomName(randomBytes(store.binding, 3));
    const candidate = attempt < nameAttempts / 2 ? random : `${random}_${id.slice(0, 6)}`;
    if (tryName(store, id, candidate) === undefined) return candidate;
  }
  throw new RuntimeError({
    code: 'direct.name-taken',
    message: `${nameAttempts} random names are already in use`,
    hint: 'choose a name with --name',
  });
}

/** Makes the link. Returns the id of the container that has the name. */
function tryName(store: DirectStore, id: string, name: string): string | undefined {
  const { binding } = store;
  const path = entryPath(namesPath(store), name);
  for (;;) {
    const refusal = refusalOf(() => binding.symlink(id, path));
    if (refusal === undefined) return undefined;
    if (refusal.errno !== errno.EEXIST) {
      return onHost(`unable to make ${path}`, () => {
        throw refusal;
      });
    }
    const holder = readName(store, name);
    if (holder === undefined && binding.stat(path, true) !== undefined) throw foreignName(path, name);
    // The container of the name was removed, or its create was killed.
    const isRemoved =
      holder === undefined || removeAbandoned(store, holder, () => removeFiles(store, holder, name));
    if (!isRemoved) return holder;
  }
}

function foreignName(path: string, name: string): RuntimeError {
  return new RuntimeError({
    code: 'direct.name-taken',
    message: `the container name "/${name}" is already in use: ${path} is not a link to a container`,
    path,
    value: name,
    hint: 'choose another name, or remove the file',
  });
}

/** Returns the id of the container with this name; undefined without such a name, and for a file that is not a link. */
function readName(store: DirectStore, name: string): string | undefined {
  const { binding } = store;
  const path = entryPath(namesPath(store), name);
  const status = binding.stat(path, true);
  if (status === undefined || (status.mode & S_IFMT) !== S_IF.S_IFLNK) return undefined;
  const target = unlessMissing(() => binding.readlink(path));
  return target === undefined || !/^[0-9a-f]{64}$/.test(target) ? undefined : target;
}

/** Removes the name if it still belongs to this container. */
function freeName(store: DirectStore, name: string, id: string): void {
  if (readName(store, name) !== id) return;
  const path = entryPath(namesPath(store), name);
  onHost(`unable to remove ${path}`, () => unlessMissing(() => store.binding.unlink(path)));
}

/**
 * Gives a container another name.
 *
 * @throws RuntimeError `direct.bad-name`, `direct.name-taken`
 */
export function renameContainer(store: DirectStore, { id }: DirectContainer, name: string): void {
  checkName('container', name);
  withContainerLock(store, id, () => {
    const container = readContainer(store, id);
    if (container === undefined) throw noSuchContainer(id);
    const holder = tryName(store, id, name);
    if (holder !== undefined) throw nameTaken(name, holder);
    writeContainer(store, { ...container, name });
    freeName(store, container.name, id);
  });
}

/**
 * Changes the restart policy of a container, also of one that runs.
 *
 * @param restart - undefined: none
 * @throws RuntimeError `usage.bad-value` for a container that is removed after its end
 */
export function changeRestart(
  store: DirectStore,
  { id }: Pick<DirectContainer, 'id'>,
  restart: string | undefined,
): void {
  withContainerLock(store, id, () => {
    const container = readContainer(store, id);
    if (container === undefined) throw noSuchContainer(id);
    const { restart: _, ...others } = container;
    if (restart !== undefined && container.remove) {
      throw new RuntimeError({
        code: 'usage.bad-value',
        message: `the restart policy of container ${container.name} cannot be changed: it is removed after its end`,
        value: restart,
        hint: 'make it without --rm',
      });
    }
    writeContainer(store, restart === undefined ? others : { ...others, restart });
    if (restart === undefined) return;
    const path = entryPath(containerPath(store, id), containerFiles.again);
    onHost(`unable to write ${path}`, () => store.binding.writeText(path, '', O.O_CREAT, 0o600));
  });
}

function nameTaken(name: string, id: string): RuntimeError {
  return new RuntimeError({
    code: 'direct.name-taken',
    message: `the container name "/${name}" is already in use by container ${JSON.stringify(id)}`,
    value: name,
    hint: `choose another name, or remove that container: tsubo container rm --force ${shortId(id)}`,
  });
}

/**
 * Calls `remove` for a directory without container.json that no command is making, and for one that does not exist. Holds the
 * lock during the call, because the command that makes the directory may wait for it: that command then finds the directory
 * removed, and makes another one.
 *
 * @returns false for a directory of any other state
 */
function removeAbandoned(store: DirectStore, id: string, remove: () => void): boolean {
  const { binding } = store;
  const directory = containerPath(store, id);
  const isFinished = (): boolean => binding.stat(entryPath(directory, containerFiles.record)) !== undefined;
  if (isFinished()) return false;
  const fd = unlessMissing(() => binding.open(directory, O.O_RDONLY | O.O_CLOEXEC, 0));
  try {
    const isFree = fd === undefined || (unlessMissing(() => binding.lock(fd, 0)) ?? true);
    // Another command may have finished it meanwhile.
    if (!isFree || isFinished()) return false;
    remove();
    return true;
  } finally {
    if (fd !== undefined) binding.close(fd);
  }
}

/** Returns the names whose links lead to the container. Used if its record is damaged. */
function namesOf(store: DirectStore, id: string): string[] {
  const names = unlessMissing(() => store.binding.readdir(namesPath(store))) ?? [];
  return names.filter(name => readName(store, name) === id);
}

/**
 * Removes the name before the directory, because an interrupted removal can then be repeated by id.
 *
 * @param name - undefined if it is not known
 */
export function removeFiles(store: DirectStore, id: string, name: string | undefined): void {
  const directory = containerPath(store, id);
  for (const own of name === undefined ? namesOf(store, id) : [name]) freeName(store, own, id);
  onHost(`unable to remove ${directory}`, () => {
    // Without the record the directory is an unfinished one: the next `rm` or `prune` completes an interrupted removal.
    const record = entryPath(directory, containerFiles.record);
    const refusal = refusalOf(() => store.binding.unlink(record));
    // EISDIR: container.json is a directory.
    if (refusal?.errno === errno.EISDIR) store.binding.removeTree(record);
    else if (refusal !== undefined && refusal.errno !== errno.ENOENT) throw refusal;
    removeDirectory(store.binding, directory);
  });
}

/** Retries, because a command that restarts the container may write restart.json until it finds no container.json. */
function removeDirectory(binding: Binding, directory: string): void {
  for (let attempt = 1; ; attempt++) {
    const refusal = refusalOf(() => binding.removeTree(directory));
    if (refusal === undefined) return;
    if (refusal.errno !== errno.ENOTEMPTY || attempt === mostAttempts) throw refusal;
  }
}

const mostAttempts = 5;

/** Removes the leftovers of killed commands: unfinished directories, and names without a container. */
export function sweep(store: DirectStore): void {
  const { binding } = store;
  for (const id of directoryIds(store)) {
    const path = containerPath(store, id);
    removeAbandoned(store, id, () =>
      onHost(`unable to remove ${path}`, () => removeDirectory(binding, path)),
    );
  }
  for (const name of unlessMissing(() => binding.readdir(namesPath(store))) ?? []) {
    const holder = readName(store, name);
    if (holder !== undefined && !isDirectory(binding, containerPath(store, holder), true))
      freeName(store, name, holder);
  }
}

// ---- reading -------------------------------------------------------------------------------------------------------

function directoryIds(store: DirectStore): string[] {
  const path = containersPath(store);
  const entries = onHost(`unable to read ${path}`, () => unlessMissing(() => store.binding.readdir(path)));
  return (entries ?? []).filter(name => /^[0-9a-f]{64}$/.test(name));
}

/** Returns undefined while the container is being made, and for an unfinished directory. */
export function readContainer(store: DirectStore, id: string): DirectContainer | undefined {
  const path = entryPath(containerPath(store, id), containerFiles.record);
  const removal = `tsubo container rm --force ${shortId(id)} removes the container`;
  const damaged = (problem: string): RuntimeError =>
    new RuntimeError({
      code: 'state.damaged',
      message: `the file ${path} is damaged: ${problem}`,
      path,
      value: id,
      hint: removal,
    });
  let text: string | undefined;
  const refusal = refusalOf(() => {
    text = store.binding.readTextIfThere(path, true);
  });
  if (refusal !== undefined) {
    if (notText.includes(refusal.errno))
      throw damaged(`it is not a file with a text: ${errnoText(refusal.errno)}`);
    throw hostFailure(refusal, `unable to read ${path}`);
  }
  if (text === undefined) return undefined;
  const container = parseContainer(text, id);
  if (typeof container === 'string') throw damaged(container);
  if (!('newer' in container)) return container;
  throw new RuntimeError({
    code: 'state.newer-version',
    message: `a later version of tsubo wrote the file ${path}: its version is ${container.newer}`,
    path,
    value: id,
    hint: `use that version; ${removal}`,
  });
}

/** Returns all containers, the newest first, and the errors of those whose record cannot be used. */
export function listContainers(store: DirectStore): {
  readonly containers: DirectContainer[];
  readonly damaged: RuntimeError[];
} {
  const containers: DirectContainer[] = [];
  const damaged: RuntimeError[] = [];
  for (const id of directoryIds(store)) {
    try {
      const container = readContainer(store, id);
      if (container !== undefined) containers.push(container);
    } catch (error) {
      if (!(error instanceof RuntimeError) || !isUnusable(error)) throw error;
      damaged.push(error);
    }
  }
  containers.sort((one, other) => (one.created < other.created ? 1 : one.created > other.created ? -1 : 0));
  return { containers, damaged };
}

/**
 * Finds a container by its id, its name, or a prefix of its id, in this order, and returns its id.
 *
 * @throws RuntimeError `direct.no-container`, `direct.ambiguous`
 */
export function findId(store: DirectStore, text: string): string {
  const word = text.replace(/^\//, '');
  const ids = directoryIds(store);
  if (ids.includes(word)) return word;
  if (/^[a-zA-Z0-9_.-]+$/.test(word)) {
    const named = word === '.' || word === '..' ? undefined : readName(store, word);
    if (named !== undefined && ids.includes(named)) return named;
  }
  const found = /^[0-9a-f]+$/.test(word) ? ids.filter(id => id.startsWith(word)) : [];
  const [only, second] = found;
  if (only === undefined) throw noSuchContainer(text);
  if (second === undefined) return only;
  throw new RuntimeError({
    code: 'direct.ambiguous',
    message: `the id prefix ${JSON.stringify(text)} is ambiguous: ${found.length} containers begin with it`,
    value: text,
    hint: `write more digits: ${found.slice(0, 4).map(shortId).join(', ')}`,
  });
}

/** @throws RuntimeError `direct.no-container`, `direct.ambiguous`, `state.damaged` */
export function findContainer(store: DirectStore, text: string): DirectContainer {
  const container = readContainer(store, findId(store, text));
  if (container === undefined) throw noSuchContainer(text);
  return container;
}

function noSuchContainer(text: string): RuntimeError {
  return new RuntimeError({
    code: 'direct.no-container',
    message: `No such container: ${text}`,
    value: text,
    hint: 'tsubo container ls --all shows the containers',
  });
}

// SPDX-License-Identifier: Apache-2.0
import { errno } from '../errors/errno.ts';
import { RuntimeError } from '../errors/error.ts';
import { isSystemError, onHost } from '../errors/system.ts';
import { cleanPath, entryPath, isBelow, joinPath, lastComponent, parentPath } from '../host/paths.ts';
import { O } from '../kernel/files.ts';
import { MOUNT_ATTR } from '../kernel/mount.ts';
import type { Runtime } from '../lifecycle/runtime.ts';
import type { DirectContainer } from './container.ts';
import { isDirectoryInRoot, withRoot } from './fill-volume.ts';
import { isUp, stateOf } from './status.ts';
import { containerFiles, containerPath, type DirectStore, layersPath, withContainerLock } from './store.ts';

/** One end of a copy: a path of a container, or of the host. */
export interface CopyEnd {
  readonly container?: DirectContainer;
  /** As written: a slash and a dot at the end mean the content of a directory. */
  readonly path: string;
}

/** A directory and a path in it. Links lead to files below the directory only. */
interface Place {
  readonly root: number;
  readonly path: string;
}

/**
 * Copies files between a container, which may run or not, and the host. Copies on the host belong to the caller, and
 * those in the container to its root.
 *
 * @throws RuntimeError `direct.no-path`, `host.syscall`
 */
export function copyDirect(runtime: Runtime, store: DirectStore, from: CopyEnd, to: CopyEnd): void {
  withPlace(runtime, store, from, 'read', source =>
    withPlace(runtime, store, to, 'write', target => copy(runtime, { from, source, to, target })),
  );
}

interface Copying {
  readonly from: CopyEnd;
  readonly source: Place;
  readonly to: CopyEnd;
  readonly target: Place;
}

function copy({ binding }: Runtime, { from, source, to, target }: Copying): void {
  if (!exists(binding, source)) throw noPath(from);
  const isDirectory = isDirectoryInRoot(binding, source.root, source.path);
  if (from.path.endsWith('/') && !isDirectory) throw notDirectory(from);
  const contentOnly = /(^|\/)\.$/.test(from.path) && isDirectory;
  const intoDirectory = isDirectoryInRoot(binding, target.root, target.path);
  if (to.path.endsWith('/') && !intoDirectory && !isDirectory) throw notDirectory(to);
  if (isDirectory && !intoDirectory && exists(binding, target)) throw notDirectory(to);
  const parent = parentPath(target.path);
  if (!intoDirectory && !isDirectoryInRoot(binding, target.root, parent))
    throw noPath({ ...to, path: parent });
  const named = lastComponent(cleanPath(source.path));
  const isWhole = contentOnly || named === '';
  const request = {
    fromRoot: source.root,
    from: source.path,
    toRoot: target.root,
    properties: false,
    ...(to.container === undefined ? { owner: binding.identity().euid } : { owner: 0 }),
  };
  const attempt = `unable to copy ${shown(from)} to ${shown(to)}`;
  onHost(attempt, () => {
    if (intoDirectory && isWhole) binding.copyTree({ ...request, to: target.path, name: '' });
    else if (intoDirectory) binding.copyTree({ ...request, to: target.path, name: named });
    else binding.copyTree({ ...request, to: parent, name: lastComponent(target.path) });
  });
}

function exists(binding: Runtime['binding'], { root, path }: Place): boolean {
  try {
    binding.close(binding.openInRoot(root, path, O.O_PATH, 0));
    return true;
  } catch (error) {
    if (isSystemError(error) && (error.errno === errno.ENOENT || error.errno === errno.ENOTDIR)) return false;
    throw error;
  }
}

function shown({ container, path }: CopyEnd): string {
  return container === undefined ? path : `${container.name}:${path}`;
}

function noPath(end: CopyEnd): RuntimeError {
  return new RuntimeError({
    code: 'direct.no-path',
    message:
      end.container === undefined
        ? `lstat ${end.path}: no such file or directory`
        : `Could not find the file ${end.path} in container ${end.container.name}`,
    path: end.path,
    value: shown(end),
  });
}

function notDirectory(end: CopyEnd): RuntimeError {
  return new RuntimeError({
    code: 'direct.no-path',
    message: `${shown(end)} is not a directory`,
    path: end.path,
    value: shown(end),
    hint: 'leave out the slash at the end, or make the directory first',
  });
}

// ---- places --------------------------------------------------------------------------------------------------------

function withPlace(
  runtime: Runtime,
  store: DirectStore,
  { container, path }: CopyEnd,
  access: 'read' | 'write',
  work: (place: Place) => void,
): void {
  const { binding } = runtime;
  if (container === undefined) {
    const absolute = path.startsWith('/') ? path : `${binding.getcwd()}/${path}`;
    withRoot(binding, root => work({ root, path: cleanPath(absolute) }));
    return;
  }
  const inside = joinPath('/', path);
  const state = stateOf(runtime, store, container);
  if (isUp(state)) {
    withFd(runtime, `/proc/${state.pid}/root`, root => work({ root, path: inside }));
    return;
  }
  // A mount of a container that does not run exists only as its source.
  const mount = [...container.mounts]
    .filter(
      ({ source, destination }) =>
        source !== undefined && (inside === destination || isBelow(inside, destination)),
    )
    .sort((one, other) => other.destination.length - one.destination.length)[0];
  if (mount?.source !== undefined) {
    const { destination, source } = mount;
    withFd(runtime, source, root => work({ root, path: inside.slice(destination.length) || '/' }));
    return;
  }
  // The lock keeps the container from being started: two unions with one upper layer damage each other.
  withContainerLock(store, container.id, () => {
    const root = openRoot(runtime, store, container, access);
    try {
      work({ root, path: inside });
    } finally {
      binding.close(root);
    }
  });
}

function withFd({ binding }: Runtime, path: string, work: (fd: number) => void): void {
  const fd = onHost(`unable to open ${path}`, () => binding.open(path, O.O_PATH | O.O_CLOEXEC, 0));
  try {
    work(fd);
  } finally {
    binding.close(fd);
  }
}

/** The union of a container that does not run, which no path leads to. */
function openRoot(
  { binding }: Runtime,
  store: DirectStore,
  { id, layers }: DirectContainer,
  access: 'read' | 'write',
): number {
  const directory = containerPath(store, id);
  const trees = layers.map(layer => `${layersPath(store)}/${layer}/tree`).reverse();
  const upper = entryPath(directory, containerFiles.upper);
  const lowers = access === 'read' ? [upper, ...trees] : trees;
  const options = [
    ...lowers.map(path => `lowerdir+=${path}`),
    ...(access === 'write'
      ? [`upperdir=${upper}`, `workdir=${entryPath(directory, containerFiles.work)}`]
      : []),
  ];
  return onHost(`unable to open the files of container ${id}`, () =>
    binding.makeOverlay({
      source: 'overlay',
      options,
      fds: options.map(() => -1),
      attributes: MOUNT_ATTR.MOUNT_ATTR_NODEV,
    }),
  );
}

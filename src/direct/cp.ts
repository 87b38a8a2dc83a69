// SPDX-License-Identifier: Apache-2.0

import { errno } from '../errors/errno.ts';
import { RuntimeError } from '../errors/error.ts';
import { isSystemError, onHost } from '../errors/system.ts';
import { withDirectory } from '../host/files.ts';
import { cleanPath, entryPath, isBelow, joinPath, lastComponent, parentPath } from '../host/paths.ts';
import { layersPath } from '../image/blobs.ts';
import { O } from '../kernel/files.ts';
import { MOUNT_ATTR } from '../kernel/mount.ts';
import type { Runtime } from '../lifecycle/runtime.ts';
import type { DirectContainer } from './container.ts';
import { existsInRoot, isDirectoryInRoot } from './fill-volume.ts';
import { isUp, stateOf } from './status.ts';
import { containerFiles, containerPath, type DirectStore, withContainerLock } from './store.ts';

/** One end of a copy: a path of a container, or of the host. */
export interface CopyEnd {
  readonly container?: DirectContainer;
  /** As written: a slash and a dot at the end mean the content of a directory. */
  readonly path: string;
  /** Copies at this end belong to the owners of their originals. */
  readonly keepsOwners?: boolean;
  /** The path must be that of a directory: the copy makes none. */
  readonly isDirectory?: boolean;
}

/** A directory and a path in it. Links are resolved inside the directory. */
interface Place {
  readonly root: number;
  readonly path: string;
  /** The name of a copy, if it is not the last component of the path: for a mounted file. */
  readonly name?: string;
  /** The path in the container, and its mounts below it: for a container that does not run. */
  readonly mounts?: { readonly at: string; readonly below: readonly (Mounted & { readonly root: number })[] };
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
  if (!existsInRoot(binding, source.root, source.path)) throw noPath(from);
  const isDirectory = isDirectoryInRoot(binding, source.root, source.path);
  if (from.path.endsWith('/') && !isDirectory) throw notDirectory(from);
  const contentOnly = /(^|\/)\.$/.test(from.path) && isDirectory;
  const intoDirectory = isDirectoryInRoot(binding, target.root, target.path);
  if (to.path.endsWith('/') && !intoDirectory && !isDirectory) throw notDirectory(to);
  if (to.isDirectory === true && !existsInRoot(binding, target.root, target.path)) throw noPath(to);
  if (isDirectory && !intoDirectory && existsInRoot(binding, target.root, target.path))
    throw notDirectory(to);
  const parent = parentPath(target.path);
  if (!intoDirectory && !isDirectoryInRoot(binding, target.root, parent))
    throw noPath({ ...to, path: parent });
  const named = source.name ?? lastComponent(cleanPath(source.path));
  const isWhole = contentOnly || named === '';
  const request = {
    fromRoot: source.root,
    from: source.path,
    toRoot: target.root,
    properties: false,
    ...(to.keepsOwners !== true && { owner: to.container === undefined ? binding.identity().euid : 0 }),
  };
  const into = intoDirectory && !isWhole ? joinPath(target.mounts?.at ?? '/', named) : target.mounts?.at;
  const covered = isDirectory && into !== undefined ? coveredBy(binding, source, target, into, to) : [];
  const attempt = `unable to copy ${shown(from)} to ${shown(to)}`;
  onHost(attempt, () => {
    if (intoDirectory && isWhole) binding.copyTree({ ...request, to: target.path, name: '' });
    else if (intoDirectory) binding.copyTree({ ...request, to: target.path, name: named });
    else binding.copyTree({ ...request, to: parent, name: lastComponent(target.path) });
    // The copies below the mount points are not visible when the container runs: those in the mounts are.
    for (const { part, root } of covered) {
      binding.copyTree({ ...request, from: part, toRoot: root, to: '/', name: '' });
    }
  });
}

/** Returns the parts of a tree that a running container would write into its mounts. */
function coveredBy(
  binding: Runtime['binding'],
  source: Place,
  { mounts }: Place,
  into: string,
  to: CopyEnd,
): { readonly part: string; readonly root: number }[] {
  return (mounts?.below ?? []).flatMap(({ destination, isReadOnly, root }) => {
    if (!isBelow(destination, into)) return [];
    const part = joinPath(source.path, `.${destination.slice(into === '/' ? 0 : into.length)}`);
    if (!existsInRoot(binding, source.root, part)) return [];
    if (to.container !== undefined && isReadOnly) throw readOnly(to.container, destination, true);
    if (isDirectoryInRoot(binding, source.root, part) && isDirectoryInRoot(binding, root, '/'))
      return [{ part, root }];
    throw mountedFile(to, destination);
  });
}

function mountedFile(end: CopyEnd, path: string): RuntimeError {
  return new RuntimeError({
    code: 'direct.no-path',
    message: `unable to replace ${shown({ ...end, path })}: it is a mount`,
    path,
    value: shown(end),
    hint: 'change the source of the mount on the host',
  });
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
    hint: end.path.endsWith('/')
      ? 'leave out the slash at the end, or make the directory first'
      : 'give the path of a directory',
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
    withDirectory(binding, '/', root => work({ root, path: cleanPath(absolute) }));
    return;
  }
  const state = stateOf(runtime, store, container);
  if (isUp(state)) {
    withDirectory(binding, `/proc/${state.pid}/root`, root => work({ root, path: joinPath('/', path) }));
    return;
  }
  // The lock keeps the container from being started: two unions with one upper layer damage each other.
  withContainerLock(store, container.id, () =>
    withStopped(runtime, store, { container, path }, access, work),
  );
}

/** Calls `work` with a path of a container that does not run: its mounts exist only as their sources. */
function withStopped(
  { binding }: Runtime,
  store: DirectStore,
  { container, path }: Required<Pick<CopyEnd, 'container' | 'path'>>,
  access: 'read' | 'write',
  work: (place: Place) => void,
): void {
  const isChange = access === 'write';
  const opened = new Map<string | undefined, number>();
  const rootOf = (source: string | undefined): number => {
    const fd = opened.get(source) ?? openSource(binding, store, container, access, source);
    opened.set(source, fd);
    return fd;
  };
  try {
    const tree: Tree = { binding, rootOf, lookups: lookupsOf(binding, store, container), mounted: [] };
    // In their order: the destination of a mount may lead through a link of an earlier one.
    for (const { destination, source, readOnly: isReadOnly } of container.mounts) {
      if (source === undefined) continue;
      tree.mounted.unshift({ source, destination: resolved(tree, destination, true), isReadOnly });
    }
    const at = pathOf(tree, path, isChange);
    const found = placeOf(tree, at);
    if (isChange && (found.mount?.isReadOnly ?? container.readOnly)) {
      throw readOnly(container, path, found.mount !== undefined);
    }
    const root = rootOf(found.mount?.source);
    if (found.mount !== undefined && found.path === '/' && !isDirectoryInRoot(binding, root, '/')) {
      if (isChange) throw mountedFile({ container, path }, at);
      // The kernel opens no path below a file: its directory is the root.
      const source = onHost(`unable to read ${found.mount.source}`, () =>
        binding.realpath(found.mount?.source ?? ''),
      );
      const inside = { path: joinPath('/', lastComponent(source)), name: lastComponent(at) };
      work({ root: rootOf(parentPath(source)), ...inside });
      return;
    }
    const below = isChange ? tree.mounted.filter(({ destination }) => isBelow(destination, at)) : [];
    work({
      root,
      path: found.path,
      mounts: { at, below: below.map(mount => ({ ...mount, root: rootOf(mount.source) })) },
    });
  } finally {
    for (const fd of opened.values()) binding.close(fd);
  }
}

/** Opens the source of a mount, or the union of the container's files. */
function openSource(
  binding: Runtime['binding'],
  store: DirectStore,
  container: DirectContainer,
  access: 'read' | 'write',
  source: string | undefined,
): number {
  if (source === undefined) return openRoot(binding, store, container, access);
  return onHost(`unable to open ${source}`, () => binding.open(source, O.O_PATH | O.O_CLOEXEC, 0));
}

/**
 * Returns the trees in which links of the container are looked up: its overlay, or, because the kernel requires root
 * for an overlay, for another user its upper directory and the layers of the image, highest first.
 */
function lookupsOf(
  binding: Runtime['binding'],
  store: DirectStore,
  { id, layers }: DirectContainer,
): readonly (string | undefined)[] {
  if (binding.identity().euid === 0) return [undefined];
  return [entryPath(containerPath(store, id), containerFiles.upper), ...layerTrees(store, layers)];
}

function readOnly(container: DirectContainer, path: string, isVolume: boolean): RuntimeError {
  return new RuntimeError({
    code: 'direct.read-only',
    message: `${isVolume ? 'mounted volume' : 'container rootfs'} is marked read-only`,
    path,
    value: `${container.name}:${path}`,
    hint: isVolume
      ? 'copy into the volume on the host, or make the container without ro for the mount'
      : 'copy into a volume, or make the container without --read-only',
  });
}

// ---- links of a container that does not run ------------------------------------------------------------------------

interface Mounted {
  readonly source: string;
  /** Without links. */
  readonly destination: string;
  readonly isReadOnly: boolean;
}

/** The files of a container that does not run. */
interface Tree {
  readonly binding: Runtime['binding'];
  /** A descriptor of the source of a mount, or of the union. */
  readonly rootOf: (source: string | undefined) => number;
  readonly lookups: readonly (string | undefined)[];
  /** The last mount first, because it covers those before it. */
  readonly mounted: Mounted[];
}

/** The kernel's limit (MAXSYMLINKS). */
const maximumLinks = 40;

/** Returns the mount that contains a path without links, and the path in it. */
function placeOf({ mounted }: Tree, path: string): { readonly mount?: Mounted; readonly path: string } {
  const [mount] = mounted
    .filter(({ destination }) => path === destination || isBelow(path, destination))
    .sort((one, other) => other.destination.length - one.destination.length);
  if (mount === undefined) return { path };
  return { mount, path: mount.destination === '/' ? path : path.slice(mount.destination.length) || '/' };
}

/** A copy replaces a link in the last component, or copies the link itself, except where the path requires a directory. */
function pathOf(tree: Tree, written: string, isTarget: boolean): string {
  const path = joinPath('/', written);
  // Without mounts all links stay in the union, and the kernel resolves them.
  if (tree.mounted.length === 0) return path;
  const followed = resolved(tree, path, true);
  if (/(^|\/)\.$/.test(written)) return followed;
  const kept = resolved(tree, path, false);
  if (!isTarget || kept === followed) return kept;
  const { mount, path: inside } = placeOf(tree, followed);
  return isDirectoryInRoot(tree.binding, tree.rootOf(mount?.source), inside) ? followed : kept;
}

/**
 * Resolves the links of a path as in the container: they may lead from the overlay into a mount, and back. A component
 * that does not exist stays.
 *
 * @param last - also the link in the last component
 */
function resolved(tree: Tree, path: string, last: boolean): string {
  const rest = path.split('/').reverse();
  let links = 0;
  let at = '/';
  for (let name = rest.pop(); name !== undefined; name = rest.pop()) {
    if (name === '' || name === '.') continue;
    if (name === '..') {
      at = parentPath(at);
      continue;
    }
    const target =
      last || rest.some(part => part !== '' && part !== '.') ? linkAt(tree, at, name) : undefined;
    if (target === undefined) {
      at = entryPath(at, name);
      continue;
    }
    if (++links > maximumLinks) {
      throw new RuntimeError({
        code: 'direct.no-path',
        message: `${path} leads through too many links`,
        path,
        hint: 'find the link that leads to itself, and remove it',
      });
    }
    if (target.startsWith('/')) at = '/';
    rest.push(...target.split('/').reverse());
  }
  return at;
}

/**
 * Returns the target of the link `name` in a directory whose path has no links; undefined without a link, or if a mount
 * covers it.
 */
function linkAt(tree: Tree, directory: string, name: string): string | undefined {
  const whole = entryPath(directory, name);
  if (tree.mounted.some(({ destination }) => destination === whole)) return undefined;
  const { mount, path } = placeOf(tree, directory);
  for (const source of mount === undefined ? tree.lookups : [mount.source]) {
    try {
      return readLink(tree, source, path, name);
    } catch (error) {
      if (!isSystemError(error)) throw error;
      if (error.errno === errno.EINVAL) return undefined;
      if (error.errno !== errno.ENOENT && error.errno !== errno.ENOTDIR) throw error;
    }
  }
  return undefined;
}

function readLink({ binding, rootOf }: Tree, source: string | undefined, path: string, name: string): string {
  const fd = binding.openInRoot(rootOf(source), path, O.O_PATH, 0);
  try {
    return binding.readlink(`/proc/self/fd/${fd}/${name}`);
  } finally {
    binding.close(fd);
  }
}

/** Opens the overlay of a container that does not run, as a mount that is attached nowhere. */
function openRoot(
  binding: Runtime['binding'],
  store: DirectStore,
  { id, layers }: DirectContainer,
  access: 'read' | 'write',
): number {
  const directory = containerPath(store, id);
  const trees = layerTrees(store, layers);
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

/** Returns the layers of the image, highest first. */
function layerTrees(store: DirectStore, layers: readonly string[]): string[] {
  return layers.map(layer => `${layersPath(store)}/${layer}/tree`).reverse();
}

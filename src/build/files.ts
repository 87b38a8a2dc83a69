// SPDX-License-Identifier: Apache-2.0

import { existsInRoot, isDirectoryInRoot } from '../direct/fill-volume.ts';
import { RuntimeError } from '../errors/error.ts';
import { onHost, refusalOf } from '../errors/system.ts';
import type { Binding } from '../host/binding.d.ts';
import { withDirectory } from '../host/files.ts';
import { lastComponent, parentPath } from '../host/paths.ts';
import type { ImageStore } from '../image/blobs.ts';
import { adoptTree, makeTemporary } from '../image/layers.ts';
import { writeLayer } from '../image/new-layer.ts';
import type { StoredLayer } from '../image/store.ts';
import type { FoundSource, SourceRoot } from './sources.ts';

/** The files of a stage while a step changes them. */
export interface Target {
  readonly binding: Binding;
  /** Descriptor of the union. */
  readonly root: number;
  /** A directory for the step's own files, which is removed at the end. */
  readonly scratch: string;
}

/** Owner and mode of new files; undefined: root, or the owner in the image or archive, and the mode of the source. */
export interface Attributes {
  readonly uid: number | undefined;
  readonly gid: number | undefined;
  readonly mode: number | undefined;
}

/**
 * Calls `work` with a union of the layers, and makes a layer of its changes.
 *
 * @param trees - the trees of the layers, lowest first
 * @param latest - the latest time that files may have, in seconds since 1970; later times are set to it
 * @returns undefined if nothing was changed
 */
export function changeFiles(
  store: ImageStore,
  trees: readonly string[],
  latest: number | undefined,
  work: (target: Target) => void,
): StoredLayer | undefined {
  const { binding } = store;
  const { path, lock } = makeTemporary(store, 'step');
  try {
    const [upper, workDirectory, scratch] = [`${path}/tree`, `${path}/work`, `${path}/scratch`];
    const union = onHost('unable to make the overlay of the layers', () => {
      for (const directory of [workDirectory, scratch, `${scratch}/empty`]) binding.mkdir(directory, 0o755);
      const lowers = trees.length === 0 ? [`${scratch}/empty`] : [...trees].reverse();
      const options = [
        ...lowers.map(lower => `lowerdir+=${lower}`),
        ...[`upperdir=${upper}`, `workdir=${workDirectory}`, 'volatile'],
      ];
      return binding.makeOverlay({ source: 'overlay', options, fds: options.map(() => -1), attributes: 0 });
    });
    try {
      work({ binding, root: union, scratch });
    } finally {
      binding.close(union);
    }
    const layer = writeLayer(store, { upper, layers: trees, mountPoints: [] }, { latest, settle: true });
    if (layer.entries === 0) return undefined;
    adoptTree(store, upper, layer);
    return layerOf(layer);
  } finally {
    // If the removal fails, the next command that makes such a directory removes the rest.
    refusalOf(() => binding.removeTree(path));
    binding.close(lock);
  }
}

export function layerOf({ digest, diffId, mediaType, size }: StoredLayer): StoredLayer {
  return { digest, diffId, mediaType, size };
}

/** Makes a directory and those above it, with Docker's mode 0755. */
export function makeDirectoriesIn(
  target: Target,
  path: string,
  attributes: Pick<Attributes, 'uid' | 'gid'>,
): void {
  const { binding, root, scratch } = target;
  if (path === '/' || isDirectoryInRoot(binding, root, path)) return;
  if (existsInRoot(binding, root, path)) {
    throw new RuntimeError({
      code: 'build.syntax',
      message: `unable to make the directory ${path}: it exists and is not a directory`,
      path,
    });
  }
  makeDirectoriesIn(target, parentPath(path), attributes);
  withDirectory(binding, scratch, from =>
    binding.copyTree({
      ...{ fromRoot: from, from: '/empty', toRoot: root, to: parentPath(path), name: lastComponent(path) },
      ...{ properties: false, owner: attributes.uid ?? 0, group: attributes.gid ?? 0, mode: 0o755 },
    }),
  );
}

/**
 * Copies a source as COPY does: a directory's content, or a file.
 *
 * @param path - absolute
 * @param intoDirectory - the path is a directory, also if it does not exist yet
 */
export function copySource(
  target: Target,
  source: SourceRoot,
  found: FoundSource,
  path: string,
  intoDirectory: boolean,
  attributes: Attributes,
): void {
  const { binding, root } = target;
  const own = source.keepsOwners ? undefined : 0;
  const common = {
    ...{ fromRoot: source.root, from: found.path, toRoot: root, without: found.without, overwrite: true },
    ...optional('owner', attributes.uid ?? own),
    ...optional('group', attributes.gid ?? own),
    ...optional('mode', attributes.mode),
  };
  if (found.isDirectory) {
    // As with Docker, a new directory does not have the mode of the source.
    makeDirectoriesIn(target, path, attributes);
    binding.copyTree({ ...common, to: path, name: '', properties: false });
    return;
  }
  const isInto = intoDirectory || isDirectoryInRoot(binding, root, path);
  const directory = isInto ? path : parentPath(path);
  makeDirectoriesIn(target, directory, attributes);
  binding.copyTree({
    ...common,
    to: directory,
    name: isInto ? found.name : lastComponent(path),
    properties: false,
  });
}

function optional<Name extends string>(
  name: Name,
  value: number | undefined,
): { readonly [Key in Name]?: number } {
  return (value === undefined ? {} : { [name]: value }) as { readonly [Key in Name]?: number };
}

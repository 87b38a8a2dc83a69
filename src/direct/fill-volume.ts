// SPDX-License-Identifier: Apache-2.0

import { errno } from '../errors/errno.ts';
import { isSystemError, onHost, refusalOf } from '../errors/system.ts';
import type { Binding } from '../host/binding.d.ts';
import { withDirectory } from '../host/files.ts';
import { O } from '../kernel/files.ts';
import { type DirectStore, listContainers } from './store.ts';
import { usersOf, volumeData, volumePath } from './volumes.ts';

/**
 * Copies the image's content at the mount point, with owner and mode of the directory, into an empty volume.
 *
 * @param union - the image's files, see openUnion
 */
export function fillVolume(store: DirectStore, name: string, union: number, path: string): void {
  const { binding } = store;
  const data = volumeData(store, name);
  if (binding.readdir(data).length > 0 || !isDirectoryInRoot(binding, union, path)) return;
  const attempt = `unable to copy ${path} of the image into the volume ${name}`;
  const copy = (to: string): void =>
    withDirectory(binding, '/', root => copyContent(binding, union, path, root, to));
  // A container may have the directory as a mount: a rename would not change it.
  if (usersOf(listContainers(store).containers, name).length > 0) {
    onHost(attempt, () => copy(data));
    return;
  }
  const unfinished = `${volumePath(store, name)}/.copy-${binding.pid()}`;
  onHost(attempt, () => {
    binding.removeTree(unfinished);
    binding.mkdir(unfinished, 0o700);
    copy(unfinished);
    const refusal = refusalOf(() => binding.rename(unfinished, data));
    if (refusal === undefined) return;
    binding.removeTree(unfinished);
    // Another container has filled the volume meanwhile.
    if (refusal.errno !== errno.ENOTEMPTY && refusal.errno !== errno.EEXIST) throw refusal;
  });
}

function copyContent(binding: Binding, fromRoot: number, from: string, toRoot: number, to: string): void {
  binding.copyTree({ fromRoot, from, toRoot, to, name: '', properties: true });
}

/** Returns true if the path exists; for a link, if its target exists. */
export function existsInRoot(binding: Binding, root: number, path: string): boolean {
  try {
    binding.close(binding.openInRoot(root, path, O.O_PATH, 0));
    return true;
  } catch (error) {
    if (isSystemError(error) && (error.errno === errno.ENOENT || error.errno === errno.ENOTDIR)) return false;
    throw error;
  }
}

/** Returns true for a directory and for a link to one. */
export function isDirectoryInRoot(binding: Binding, root: number, path: string): boolean {
  try {
    // A slash at the end: only a directory can be opened.
    binding.close(binding.openInRoot(root, `${path}/.`, O.O_PATH, 0));
    return true;
  } catch (error) {
    if (isSystemError(error)) return false;
    throw error;
  }
}

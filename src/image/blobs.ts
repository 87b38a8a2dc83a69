// SPDX-License-Identifier: Apache-2.0
import { onHost } from '../errors/system.ts';
import type { Binding } from '../host/binding.d.ts';
import { makeDirectories, unlessMissing } from '../host/files.ts';
import { inUserNamespace } from '../host/privilege.ts';
import { utf8Length } from '../host/utf8.ts';
import { digestOfText, hexOf } from './digest.ts';

/** The directory of images, layers, containers and volumes. */
export interface ImageStore {
  readonly binding: Binding;
  /** Absolute. */
  readonly directory: string;
  /** A command that decompresses gzip from standard input, for large layers. Undefined for the program gzip. */
  readonly inflate?: readonly string[];
}

/**
 * Returns the store in the directory of TSUBO_DATA. Without that variable: `/var/lib/tsubo`, or, for a user other than
 * root, `tsubo` in the user's data directory.
 */
export function imageStore(binding: Binding): ImageStore {
  const chosen = binding.getenv('TSUBO_DATA');
  if (chosen?.startsWith('/')) return { binding, directory: chosen };
  const isUser = binding.identity().euid !== 0 || inUserNamespace(binding);
  if (!isUser) return { binding, directory: '/var/lib/tsubo' };
  const data = binding.getenv('XDG_DATA_HOME');
  if (data?.startsWith('/')) return { binding, directory: `${data}/tsubo` };
  const home = binding.getenv('HOME');
  return { binding, directory: home?.startsWith('/') ? `${home}/.local/share/tsubo` : '/var/lib/tsubo' };
}

/** Returns the path of the OCI image layout. */
export function imagesPath({ directory }: ImageStore): string {
  return `${directory}/images`;
}

/** Returns the path of the directory with unpacked layers. */
export function layersPath({ directory }: ImageStore): string {
  return `${directory}/layers`;
}

/** Returns the path of a blob. A file exists there only after its digest was checked. */
export function blobPath(store: ImageStore, digest: string): string {
  return `${imagesPath(store)}/blobs/sha256/${hexOf(digest)}`;
}

/** Returns the path of an unfinished download of a blob, which may be running or interrupted. */
export function partialPath(store: ImageStore, digest: string): string {
  return `${imagesPath(store)}/partial/${hexOf(digest)}`;
}

/** Size of a blob in bytes; 0 if it is missing. */
export function blobSize(store: ImageStore, digest: string): number {
  return store.binding.stat(blobPath(store, digest))?.size ?? 0;
}

export function hasBlob(store: ImageStore, digest: string): boolean {
  return store.binding.stat(blobPath(store, digest), true) !== undefined;
}

/**
 * Makes the directories of the layout, which only their owner can enter, because images may contain set-uid programs
 * and secrets.
 */
export function prepareImages(store: ImageStore): void {
  const { binding } = store;
  const images = imagesPath(store);
  onHost(`unable to make the image store ${images}`, () => {
    makeDirectories(binding, store.directory, 0o755);
    makeDirectories(binding, images, 0o700);
    makeDirectories(binding, `${images}/blobs/sha256`, 0o755);
    makeDirectories(binding, `${images}/partial`, 0o755);
  });
}

/** Writes a document as a blob, also over a damaged one, and returns its digest. Precondition: the lock of the images is held. */
export function writeBlob(store: ImageStore, text: string): string {
  const digest = digestOfText(text);
  const path = blobPath(store, digest);
  if (!contains(store, path, text))
    onHost(`unable to write ${path}`, () => store.binding.replaceText(path, text, 0o644));
  return digest;
}

function contains({ binding }: ImageStore, path: string, text: string): boolean {
  if (binding.stat(path, true)?.size !== utf8Length(text)) return false;
  return onHost(`unable to read ${path}`, () => unlessMissing(() => binding.readText(path))) === text;
}

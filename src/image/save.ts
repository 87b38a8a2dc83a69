// SPDX-License-Identifier: Apache-2.0
import { RuntimeError } from '../errors/error.ts';
import { hostFailure, isSystemError, onHost, refusalOf } from '../errors/system.ts';
import { openReadOnly } from '../host/files.ts';
import { lastComponent, parentPath } from '../host/paths.ts';
import { O } from '../kernel/files.ts';
import { blobPath, blobSize, type ImageStore } from './blobs.ts';
import { hexOf } from './digest.ts';
import { mediaTypes } from './manifest.ts';
import { formatReference, shortReference, tryReference } from './reference.ts';
import { needImage, type StoredImage } from './store.ts';
import { tarEnd, tarHeader, tarPadding } from './tar-header.ts';

interface SavedImage {
  readonly image: StoredImage;
  /** Complete names under which the image is loaded again. */
  readonly names: string[];
}

/**
 * Writes images as an archive that is both an OCI layout and Docker's format. The same images and names give the same
 * bytes. Layers keep their compression.
 *
 * @param texts - names, ids or digests; only names are saved with the image
 * @param path - the file, which is replaced when the archive is whole
 */
export function saveImages(store: ImageStore, texts: readonly string[], path: string): void {
  const { binding } = store;
  const saved = selectImages(store, texts);
  const temporary = `${parentPath(path)}/.${lastComponent(path)}.${binding.pid()}`;
  const fd = onHost(`unable to make ${path}`, () =>
    binding.open(temporary, O.O_RDWR | O.O_CREAT | O.O_EXCL | O.O_CLOEXEC, 0o600),
  );
  try {
    writeArchive(store, saved, fd, path);
    onHost(`unable to make ${path}`, () => binding.rename(temporary, path));
  } catch (error) {
    refusalOf(() => binding.unlink(temporary));
    throw error;
  } finally {
    binding.close(fd);
  }
}

/** Writes the archive to a descriptor, such as standard output. */
export function saveImagesTo(store: ImageStore, texts: readonly string[], fd: number): void {
  writeArchive(store, selectImages(store, texts), fd, 'standard output');
}

function selectImages(store: ImageStore, texts: readonly string[]): SavedImage[] {
  const saved = new Map<string, SavedImage>();
  for (const text of texts) {
    const image = needImage(store, text);
    const entry = saved.get(image.id) ?? { image, names: [] };
    saved.set(image.id, entry);
    const reference = tryReference(text);
    const name = reference === undefined ? text : formatReference(reference);
    if (image.references.includes(name) && !entry.names.includes(name)) entry.names.push(name);
  }
  return [...saved.values()];
}

function writeArchive(store: ImageStore, saved: readonly SavedImage[], fd: number, what: string): void {
  const { binding } = store;
  const blobs = new Set(saved.flatMap(({ image }) => blobsOf(image)));
  const put = (text: string) => binding.write(fd, text);
  try {
    put(tarHeader('blobs/', 0));
    put(tarHeader('blobs/sha256/', 0));
    for (const digest of [...blobs].sort()) writeBlobTo(store, digest, fd, put);
    const documents: [string, unknown][] = [
      ['index.json', indexOf(store, saved)],
      ['manifest.json', saved.map(dockerEntry)],
      ['oci-layout', { imageLayoutVersion: '1.0.0' }],
    ];
    for (const [name, document] of documents) {
      const text = JSON.stringify(document);
      // Names of images are ASCII: characters are bytes.
      put(`${tarHeader(name, text.length)}${text}${tarPadding(text.length)}`);
    }
    put(tarEnd);
  } catch (error) {
    throw isSystemError(error) ? hostFailure(error, `unable to write ${what}`) : error;
  }
}

function writeBlobTo(store: ImageStore, digest: string, fd: number, put: (text: string) => void): void {
  const { binding } = store;
  const path = blobPath(store, digest);
  const blob = openReadOnly(binding, path);
  try {
    const size = binding.stat(path)?.size ?? 0;
    put(tarHeader(`blobs/sha256/${hexOf(digest)}`, size));
    const copied = binding.copyBytes(blob, fd);
    if (copied !== size) {
      throw new RuntimeError({
        code: 'image.damaged',
        message: `${path} changed while it was read`,
        path,
        hint: 'try again',
      });
    }
    put(tarPadding(size));
  } finally {
    binding.close(blob);
  }
}

function blobsOf({ id, digest, layers }: StoredImage): string[] {
  return [digest, id, ...layers.map(layer => layer.digest)];
}

function indexOf(store: ImageStore, saved: readonly SavedImage[]): unknown {
  const manifests = saved.flatMap(({ image, names }) => {
    const { platform, digest } = image;
    const size = blobSize(store, digest);
    const entry = { mediaType: mediaTypes.manifest, digest, size, platform };
    if (names.length === 0) return [entry];
    return names.map(name => ({ ...entry, annotations: annotationsOf(name) }));
  });
  return { schemaVersion: 2, mediaType: mediaTypes.index, manifests };
}

/** Returns the annotations that Docker writes: the complete name, and the tag under OCI's key. */
function annotationsOf(name: string): Record<string, string> {
  return {
    'io.containerd.image.name': name,
    'org.opencontainers.image.ref.name': tryReference(name)?.tag ?? name,
  };
}

function dockerEntry({ image, names }: SavedImage): unknown {
  const file = (digest: string) => `blobs/sha256/${hexOf(digest)}`;
  return {
    Config: file(image.id),
    RepoTags: names.length === 0 ? null : names.map(shortReference),
    Layers: image.layers.map(({ digest }) => file(digest)),
  };
}

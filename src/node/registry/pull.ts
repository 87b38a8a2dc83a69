// SPDX-License-Identifier: Apache-2.0
import { closeSync, fsyncSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { RuntimeError } from '../../errors/error.ts';
import { utf8Length } from '../../host/utf8.ts';
import {
  blobPath,
  hasBlob,
  type ImageStore,
  imagesPath,
  prepareImages,
  writeBlob,
} from '../../image/blobs.ts';
import { type ImageDocument, parseImageDocument } from '../../image/config.ts';
import { digestOfText, hexOf } from '../../image/digest.ts';
import { unpackedLayers } from '../../image/layers.ts';
import {
  compressionOf,
  type Descriptor,
  type Manifest,
  mediaTypes,
  parseManifest,
  toOciManifest,
} from '../../image/manifest.ts';
import { InvalidDocument } from '../../image/members.ts';
import {
  emulatorOf,
  formatPlatform,
  isFor,
  machinePlatform,
  type Platform,
  parsePlatform,
  selectPlatform,
} from '../../image/platform.ts';
import { formatReference, type Reference, shortReference } from '../../image/reference.ts';
import {
  addImage,
  claimFiles,
  findImage,
  lockedImages,
  readDocument,
  removeDamagedDocument,
  type StoredImage,
} from '../../image/store.ts';
import type { RawManifest, RegistryClient } from './client.ts';
import { download } from './download.ts';
import { inParallel } from './parallel.ts';
import type { LayerProgress, Progress } from './progress.ts';
import { UnpackAhead } from './unpack-ahead.ts';

export interface Pull {
  readonly store: ImageStore;
  readonly reference: Reference;
  /** Undefined for that of the machine. */
  readonly platform?: Platform | undefined;
  readonly client: RegistryClient;
  readonly progress: Progress;
}

export interface Pulled {
  /** Complete name. */
  readonly reference: string;
  readonly id: string;
}

/** Downloads and unpacks an image, and adds it to the store under its name. */
export async function pull(request: Pull): Promise<Pulled> {
  const { store, reference, progress } = request;
  const { tag, digest } = reference;
  const complete = formatReference(reference);
  progress.line(`${tag ?? digest}: Pulling from ${reference.repository}`);
  prepareImages(store);
  const before = findReadable(store, complete);
  const selected = await selectManifest(request);
  const { manifest, raw, diffIds } = selected;
  // fetchConfig has checked that the config has as many layers.
  const layers = manifest.layers.map((layer, index) => ({ ...layer, diffId: diffIds[index] as string }));
  const text = toOciManifest(raw.text);
  const sources = [...new Set([selected.source, raw.digest])].filter(source => source !== digestOfText(text));
  // From here on no command removes the blobs and layers of this image.
  const end = claimFiles(store, 'a pull', manifest.config.digest, layers, [raw.digest, digestOfText(text)]);
  let fetched: number;
  try {
    const isKnown = before?.id === manifest.config.digest;
    const { count, rows } = await fetchBlobs(request, manifest, new UnpackAhead(store, layers), isKnown);
    fetched = count;
    // Unpack before the image gets its name: a container can then start at once.
    for (const row of rows) row.passing('Extracting');
    progress.draw();
    unpackedLayers(store, { layers });
    for (const row of rows) row.state('Pull complete');
    // Store the registry's own manifest too, because a later push must have the same digest.
    const stored = lockedImages(store, () => {
      writeSynced(store, raw.text);
      return writeSynced(store, text);
    });
    addImage(store, stored, mediaTypes.manifest, utf8Length(text), complete, sources);
    synchronise(`${imagesPath(store)}/index.json`);
  } finally {
    end();
  }
  const isNew = fetched > 0 || before?.id !== manifest.config.digest;
  progress.end();
  progress.line(`Digest: ${selected.source}`);
  const status = isNew ? 'Downloaded newer image for' : 'Image is up to date for';
  progress.line(`Status: ${status} ${shortReference(complete)}`);
  return { reference: complete, id: manifest.config.digest };
}

/** Returns undefined also for a damaged image, which the pull repairs. */
function findReadable(store: ImageStore, complete: string): StoredImage | undefined {
  try {
    return findImage(store, complete);
  } catch (error) {
    if (error instanceof RuntimeError && error.code === 'image.damaged') return undefined;
    throw error;
  }
}

/**
 * Writes a document and syncs it, because the index must not refer to a document that a crash of the machine has lost.
 */
function writeSynced(store: ImageStore, text: string): string {
  const digest = writeBlob(store, text);
  synchronise(blobPath(store, digest));
  synchronise(dirname(blobPath(store, digest)));
  return digest;
}

function synchronise(path: string): void {
  const fd = openSync(path, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

interface Selected {
  readonly manifest: Manifest;
  readonly diffIds: readonly string[];
  readonly raw: RawManifest;
  /** The digest that the registry has for the name. */
  readonly source: string;
}

/** Requests the manifest for the platform. If the registry answers with an index, selects the manifest in it. */
async function selectManifest({ client, reference, platform, store }: Pull): Promise<Selected> {
  const { repository, tag, digest } = reference;
  const wanted = platform ?? machinePlatform(store.binding.identity().machine);
  const first = await client.manifest(repository, digest ?? tag ?? '');
  let raw = first;
  let document = parsedManifest(raw, reference);
  if (document.kind === 'index') {
    const entry = selectPlatform(document.manifests, wanted);
    if (entry === undefined) {
      const offered = document.manifests.flatMap(({ platform: offer }) =>
        offer === undefined ? [] : [formatPlatform(offer)],
      );
      throw otherPlatform(
        reference,
        wanted,
        offered.filter(name => !name.startsWith('unknown')),
      );
    }
    raw = await client.manifest(repository, entry.digest);
    document = parsedManifest(raw, reference);
    if (document.kind === 'index') throw invalid(reference, 'its index contains another index');
  }
  const unknown = document.layers.find(({ mediaType }) => compressionOf(mediaType) === undefined);
  if (unknown !== undefined) {
    throw new RuntimeError({
      code: 'image.unsupported',
      message: `${shortReference(formatReference(reference))} has a layer of type ${JSON.stringify(unknown.mediaType)}`,
      value: unknown.mediaType,
      hint: 'it is not an image of a container, or its layers are encrypted',
    });
  }
  const { diffIds } = await fetchConfig({ client, reference, store }, document, wanted);
  return { manifest: document, diffIds, raw, source: first.digest };
}

/** The config comes before the layers: it shows whether the image is for this machine. */
async function fetchConfig(
  { client, reference, store }: Pick<Pull, 'client' | 'reference' | 'store'>,
  { config, layers }: Manifest,
  wanted: Platform,
): Promise<ImageDocument> {
  removeDamagedDocument(store, config.digest);
  await fetchBlob({ client, reference, store }, config, new AbortController().signal, () => {});
  let document: ImageDocument;
  try {
    document = parseImageDocument(readDocument(store, config.digest));
  } catch (error) {
    throw error instanceof InvalidDocument ? invalid(reference, `in its config: ${error.message}`) : error;
  }
  const { platform, diffIds } = document;
  if (diffIds.length !== layers.length)
    throw invalid(reference, `its manifest has ${layers.length} layers, and its config ${diffIds.length}`);
  if (!isFor(platform, wanted)) throw otherPlatform(reference, wanted, [formatPlatform(platform)]);
  return document;
}

function fetchBlob(
  { client, reference, store }: Pick<Pull, 'client' | 'reference' | 'store'>,
  blob: Descriptor,
  signal: AbortSignal,
  progress: (bytes: number) => void,
): Promise<boolean> {
  const fetch = (offset: number) => client.blob(reference.repository, blob.digest, offset);
  return download({ store, blob, fetch, signal, progress });
}

/**
 * Downloads the missing layers, and unpacks layers that are in the store. Returns the number of downloaded blobs, and
 * the rows of their progress.
 *
 * @param isKnown - the store has this image under its name: its layers in the store are not reported
 */
async function fetchBlobs(
  request: Pull,
  { config, layers }: Manifest,
  ahead: UnpackAhead,
  isKnown: boolean,
): Promise<{ count: number; rows: readonly LayerProgress[] }> {
  const { store, progress } = request;
  // A layer may occur twice.
  const blobs = [config, ...new Map(layers.map(layer => [layer.digest, layer])).values()];
  const stop = new AbortController();
  const rows: LayerProgress[] = [];
  let count = 0;
  const jobs = blobs.map(blob => {
    const isThere = hasBlob(store, blob.digest);
    const isShown = blob !== config && !(isThere && isKnown);
    const row = isShown ? progress.layer(hexOf(blob.digest).slice(0, 12)) : undefined;
    if (isThere) {
      row?.state('Already exists');
      return async () => {};
    }
    row?.state('Pulling fs layer');
    if (row !== undefined) rows.push(row);
    return async () => {
      const isFetched = await fetchBlob(request, blob, stop.signal, bytes => row?.bytes(bytes, blob.size));
      if (isFetched) count++;
      row?.state(isFetched ? 'Download complete' : 'Already exists');
      ahead.next();
    };
  });
  try {
    // The first failure aborts the other downloads; only the first is reported.
    await inParallel(jobs, () => stop.abort());
  } catch (error) {
    progress.end();
    throw error;
  } finally {
    await ahead.end();
  }
  return { count, rows };
}

function parsedManifest({ text, mediaType }: RawManifest, reference: Reference) {
  try {
    return parseManifest(text, mediaType);
  } catch (error) {
    throw error instanceof InvalidDocument ? invalid(reference, error.message) : error;
  }
}

function invalid(reference: Reference, problem: string): RuntimeError {
  const isOld = /schemaVersion is 1/.test(problem);
  return new RuntimeError({
    code: 'image.unsupported',
    message: `unable to use the manifest of ${shortReference(formatReference(reference))}: ${problem}`,
    value: formatReference(reference),
    ...(isOld && { hint: "the image has Docker's format of 2015: push it again with a current program" }),
  });
}

function otherPlatform(reference: Reference, wanted: Platform, offered: readonly string[]): RuntimeError {
  const name = shortReference(formatReference(reference));
  return new RuntimeError({
    code: 'image.platform',
    message: `${name} has no image for ${formatPlatform(wanted)}, only for ${offered.join(', ') || 'no platform'}`,
    value: formatPlatform(wanted),
    ...(offered[0] !== undefined && {
      hint: `to have that one: --platform ${offered[0]}; its programs need ${emulatorOf(parsePlatform(offered[0]))} in /proc/sys/fs/binfmt_misc (Debian: qemu-user-static)`,
    }),
  });
}

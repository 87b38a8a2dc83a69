// SPDX-License-Identifier: Apache-2.0
import { createReadStream } from 'node:fs';
import { type Readable, Transform } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { RuntimeError } from '../../errors/error.ts';
import { utf8Length } from '../../host/utf8.ts';
import { blobPath, hasBlob, type ImageStore } from '../../image/blobs.ts';
import { hexOf } from '../../image/digest.ts';
import { type Descriptor, type Manifest, mediaTypes, parseManifest } from '../../image/manifest.ts';
import { InvalidDocument } from '../../image/members.ts';
import { formatReference, type Reference, tryReference } from '../../image/reference.ts';
import { needImage, readDocument, readImages, type StoredImage } from '../../image/store.ts';
import type { RegistryClient } from './client.ts';
import { inParallel } from './parallel.ts';
import type { Progress } from './progress.ts';

export interface Push {
  readonly store: ImageStore;
  readonly reference: Reference;
  readonly client: RegistryClient;
  readonly progress: Progress;
}

/** The number of times that the upload of a blob is tried if the connection is interrupted. */
const attempts = 3;
const pauseMs = 500;

/** Uploads the blobs that the repository lacks, and then the manifest, which gets the tag. */
export async function push({
  store,
  reference,
  client,
  progress,
}: Push): Promise<{ reference: string; id: string }> {
  const complete = formatReference(reference);
  const { registry, repository, tag = '' } = reference;
  const image = needImage(store, complete);
  const { text, mediaType, digest, manifest } = manifestOf(store, image);
  progress.line(`The push refers to repository [${registry}/${repository}]`);
  const layers = new Map(manifest.layers.map(layer => [layer.digest, layer]));
  const jobs = [...layers.values()].map(layer => {
    const row = progress.layer(hexOf(layer.digest).slice(0, 12));
    row.state('Preparing');
    return async () => row.state(await transfer(layer, (done, total) => row.bytes(done, total)));
  });
  const transfer = (blob: Descriptor, report: (done: number, total: number) => void) =>
    uploadBlob({
      store,
      client,
      repository,
      blob,
      from: otherRepository(store, reference, blob.digest),
      report,
    });
  try {
    await inParallel(jobs);
  } finally {
    progress.end();
  }
  await transfer(manifest.config, () => {});
  await retried(() => client.putManifest(repository, tag, { text, mediaType }));
  progress.line(`${tag}: digest: ${digest} size: ${utf8Length(text)}`);
  return { reference: complete, id: image.id };
}

/** Returns the manifest with which the image was pulled, because its digest must stay; otherwise that of the store. */
function manifestOf(
  store: ImageStore,
  { digest, sources }: StoredImage,
): { text: string; mediaType: string; digest: string; manifest: Manifest } {
  for (const source of [...sources].reverse()) {
    if (!hasBlob(store, source)) continue;
    const text = readDocument(store, source);
    try {
      const manifest = parseManifest(text, '');
      if (manifest.kind === 'manifest' && manifest.mediaType !== '')
        return { text, mediaType: manifest.mediaType, digest: source, manifest };
    } catch (error) {
      // The converted manifest has the same blobs.
      if (!(error instanceof InvalidDocument)) throw error;
    }
  }
  const text = readDocument(store, digest);
  const manifest = parseManifest(text, mediaTypes.manifest);
  if (manifest.kind === 'manifest') return { text, mediaType: manifest.mediaType, digest, manifest };
  throw new RuntimeError({
    code: 'image.damaged',
    message: `the image store is damaged at ${blobPath(store, digest)}: it is not a manifest`,
    path: blobPath(store, digest),
    hint: 'remove the image, and pull it again',
  });
}

/**
 * Returns another repository of the registry that has the blob according to the stored images; undefined if none has.
 */
function otherRepository(
  store: ImageStore,
  { registry, repository }: Reference,
  digest: string,
): string | undefined {
  for (const { references, layers } of readImages(store).images) {
    if (!layers.some(layer => layer.digest === digest)) continue;
    const found = references
      .map(tryReference)
      .find(one => one?.registry === registry && one.repository !== repository);
    if (found !== undefined) return found.repository;
  }
  return undefined;
}

interface Upload {
  readonly store: ImageStore;
  readonly client: RegistryClient;
  readonly repository: string;
  readonly blob: Descriptor;
  readonly from: string | undefined;
  readonly report: (done: number, total: number) => void;
}

/** Returns the last state of the blob, in Docker's words. */
function uploadBlob({ store, client, repository, blob, from, report }: Upload): Promise<string> {
  return retried(async () => {
    if (await client.hasBlob(repository, blob.digest)) return 'Layer already exists';
    const data = () =>
      counted(createReadStream(blobPath(store, blob.digest)), done => report(done, blob.size));
    const isMounted = await client.upload(repository, blob, data, from);
    return isMounted ? `Mounted from ${from}` : 'Pushed';
  });
}

function counted(from: Readable, report: (done: number) => void): Readable {
  let done = 0;
  const counter = new Transform({
    transform(piece: Buffer, _encoding, next) {
      done += piece.length;
      report(done);
      next(null, piece);
    },
  });
  from.on('error', error => counter.destroy(error));
  counter.on('close', () => from.destroy());
  return from.pipe(counter);
}

/** Tries again after an interrupted connection or a fault of the server. */
async function retried<T>(work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      const isTransient =
        error instanceof RuntimeError &&
        (error.code === 'registry.unreachable' ||
          (error.code === 'registry.answer' && /status 5\d\d/.test(error.message)));
      if (!isTransient || attempt === attempts) throw error;
      await sleep(pauseMs * attempt);
    }
  }
}

// SPDX-License-Identifier: Apache-2.0
import type { DirectContainer } from '../direct/container.ts';
import { isUp, stateOf } from '../direct/status.ts';
import { containerPath, type DirectStore, listContainers } from '../direct/store.ts';
import { listVolumes, usersOf, volumeData } from '../direct/volumes.ts';
import { onHost } from '../errors/system.ts';
import type { Binding } from '../host/binding.d.ts';
import { unlessMissing } from '../host/files.ts';
import { blobPath, layersPath } from '../image/blobs.ts';
import { chainIds, hexOf } from '../image/digest.ts';
import { listImages, type StoredImage } from '../image/store.ts';
import { S_IF, S_IFMT } from '../kernel/files.ts';
import type { Runtime } from '../lifecycle/runtime.ts';
import { stepsPath } from './cache.ts';

export interface Usage {
  readonly total: number;
  readonly active: number;
  /** Bytes. */
  readonly size: number;
  /** Bytes of the entries that are not active. */
  readonly reclaimable: number;
}

export interface DiskUsage {
  readonly images: Usage;
  readonly containers: Usage;
  readonly volumes: Usage;
  readonly buildCache: Usage;
}

/** Returns the space that the files of the store occupy. A layer of several images is counted once. */
export function diskUsage(runtime: Runtime, store: DirectStore): DiskUsage {
  const { binding } = store;
  const { containers } = listContainers(store);
  const images = listImages(store);
  const used = images.filter(({ id }) => containers.some(({ imageId }) => imageId === id));
  const imageSize = sizeOfFiles(store, images);
  return {
    images: {
      total: images.length,
      active: used.length,
      size: imageSize,
      reclaimable: imageSize - sizeOfFiles(store, used),
    },
    containers: usageOf(
      containers.map(container => ({
        size: treeSize(binding, `${containerPath(store, container.id)}/upper`),
        isActive: isUp(stateOf(runtime, store, container)),
      })),
    ),
    volumes: usageOf(
      listVolumes(store).map(({ name }) => ({
        size: treeSize(binding, volumeData(store, name)),
        isActive: usersOf(containers, name).length > 0,
      })),
    ),
    buildCache: cacheUsage(store, images, containers),
  };
}

function usageOf(entries: readonly { readonly size: number; readonly isActive: boolean }[]): Usage {
  const sum = (of: typeof entries) => of.reduce((total, { size }) => total + size, 0);
  return {
    total: entries.length,
    active: entries.filter(({ isActive }) => isActive).length,
    size: sum(entries),
    reclaimable: sum(entries.filter(({ isActive }) => !isActive)),
  };
}

/** Results of steps; the layers that belong to an image are counted there. */
function cacheUsage(
  store: DirectStore,
  images: readonly StoredImage[],
  containers: readonly DirectContainer[],
): Usage {
  const { binding } = store;
  const kept = new Set(images.flatMap(({ layers }) => layers.map(({ digest }) => digest)));
  const names = unlessMissing(() => binding.readdir(stepsPath(store))) ?? [];
  const digests = names.flatMap(name => {
    const text = binding.readTextIfThere(`${stepsPath(store)}/${name}`) ?? '';
    const [, digest] = /"digest":"(sha256:[0-9a-f]{64})"/.exec(text) ?? [];
    return digest === undefined || kept.has(digest) ? [] : [digest];
  });
  const inUse = new Set(containers.flatMap(({ layers }) => layers));
  const entries = [...new Set(digests)].map(digest => ({
    size: fileSize(binding, blobPath(store, digest)) + treeSizeOf(store, hexOf(digest)),
    isActive: inUse.has(hexOf(digest)),
  }));
  return { ...usageOf(entries), total: names.length };
}

/** Bytes of the blobs and unpacked layers of images. */
function sizeOfFiles(store: DirectStore, images: readonly StoredImage[]): number {
  const { binding } = store;
  const blobs = new Set(
    images.flatMap(({ id, digest, layers }) => [id, digest, ...layers.map(layer => layer.digest)]),
  );
  const trees = new Set(
    images.flatMap(({ layers }) => {
      const diffIds = layers.map(({ diffId }) => diffId);
      return [...diffIds, ...chainIds(diffIds)];
    }),
  );
  const ofBlobs = [...blobs].reduce((sum, digest) => sum + fileSize(binding, blobPath(store, digest)), 0);
  return [...trees].reduce((sum, id) => sum + treeSizeOf(store, hexOf(id)), ofBlobs);
}

function fileSize(binding: Binding, path: string): number {
  return binding.stat(path, true)?.size ?? 0;
}

/** Returns the size of an unpacked layer, from its record. */
function treeSizeOf(store: DirectStore, hex: string): number {
  const text = store.binding.readTextIfThere(`${layersPath(store)}/${hex}/layer.json`, true);
  const [, size = '0'] = /"size": ?(\d+)/.exec(text ?? '') ?? [];
  return Number(size);
}

/** Bytes of all files below a directory; a file with several names is counted once. */
function treeSize(binding: Binding, top: string): number {
  const seen = new Set<string>();
  const walk = (path: string): number => {
    const status = binding.stat(path, true);
    if (status === undefined) return 0;
    if ((status.mode & S_IFMT) !== S_IF.S_IFDIR) {
      const key = `${status.dev}:${status.ino}`;
      if (seen.has(key)) return 0;
      seen.add(key);
      return status.size;
    }
    const names = onHost(`unable to read ${path}`, () => unlessMissing(() => binding.readdir(path))) ?? [];
    return names.reduce((sum, name) => sum + walk(`${path}/${name}`), 0);
  };
  return walk(top);
}

// SPDX-License-Identifier: Apache-2.0
import { errno } from '../errors/errno.ts';
import { RuntimeError } from '../errors/error.ts';
import { hostFailure, isSystemError, onHost, refusalOf } from '../errors/system.ts';
import type { Unpacked } from '../host/binding.d.ts';
import { makeDirectories, openReadOnly } from '../host/files.ts';
import { isMachineRoot } from '../host/privilege.ts';
import { blobPath, type ImageStore, layersPath } from './blobs.ts';
import { chainIds, digestOfHex, hexOf } from './digest.ts';
import { InvalidDocument, objectOf } from './members.ts';
import { type StoredImage, type StoredLayer, unfinishedPrefix } from './store.ts';
import { compressionOfFile, decompressorOf, requireUnpacked } from './unpack.ts';

/**
 * Compressed bytes from which ImageStore.inflate is used: for smaller layers the start of Node takes longer than gzip.
 */
const leastInflate = 8 << 20;

/** The file layer.json beside an unpacked tree. */
export interface LayerRecord {
  readonly diffId: string;
  /** Chain id of the layers below, if the tree depends on them. Empty for the lowest layer. */
  readonly parent?: string;
  /** Bytes of the uncompressed archive. */
  readonly size: number;
  readonly entries: number;
  /** Nothing of the layers below is visible. */
  readonly hidesAll?: boolean;
  /** Numbers of owners, devices and extended attributes that a user without root's rights could not keep. */
  readonly lost?: { readonly owners: number; readonly devices: number; readonly attributes: number };
}

interface ReadyLayer {
  /** Where the files are now. */
  readonly tree: string;
  /** The directory of the layer when it is finished. */
  readonly final: string;
  readonly record: LayerRecord;
}

/** A layer under a name that no container uses. */
interface UnfinishedLayer extends ReadyLayer {
  /** The temporary directory. */
  readonly path: string;
  readonly lock: number;
}

/**
 * Unpacks the missing layers of an image, and returns the directories of all its layers, lowest first, without layers
 * that an upper one hides completely.
 *
 * @param warn - called with a sentence about a layer whose owners, devices or attributes could not be kept
 * @throws RuntimeError `image.archive`, `image.disk-full`, `image.layer-digest`, `image.no-decompressor`
 */
export function unpackedLayers(
  store: ImageStore,
  image: Pick<StoredImage, 'layers'>,
  warn: (text: string) => void = () => {},
): string[] {
  const chain = chainIds(image.layers.map(({ diffId }) => diffId));
  const unfinished: UnfinishedLayer[] = [];
  let ready: ReadyLayer[] = [];
  try {
    image.layers.forEach((layer, index) => {
      const below = chain[index - 1] ?? '';
      const id = chain[index] as string;
      let next = findLayer(store, layer.diffId, id, below);
      if (next === undefined) {
        const lowers = ready.map(({ tree }) => tree);
        const unpacked = unpackLayer(store, layer, id, below, lowers);
        unfinished.push(unpacked);
        if (unpacked.record.lost !== undefined) warn(lossOf(layer, unpacked.record.lost));
        next = unpacked;
      }
      ready = next.record.hidesAll === true ? [next] : [...ready, next];
    });
    finishLayers(store, unfinished);
    return ready.map(({ final }) => `${final}/tree`);
  } catch (error) {
    // The first error is reported. If a removal fails, the next command that unpacks removes the rest.
    for (const { path } of unfinished) refusalOf(() => store.binding.removeTree(path));
    throw error;
  } finally {
    for (const { lock } of unfinished) store.binding.close(lock);
  }
}

/** Finds an unpacked layer. A tree that depends on lower layers is named by its chain id, any other by its diff id. */
function findLayer(
  store: ImageStore,
  diffId: string,
  chainId: string,
  below: string,
): ReadyLayer | undefined {
  for (const id of new Set([diffId, chainId])) {
    const found = readLayer(store, id);
    if (found === undefined || found.record.diffId !== diffId) continue;
    const { parent } = found.record;
    if (parent === undefined || parent === below) return found;
  }
  return undefined;
}

function readLayer(store: ImageStore, id: string): ReadyLayer | undefined {
  const directory = `${layersPath(store)}/${hexOf(id)}`;
  const path = `${directory}/layer.json`;
  const text = onHost(`unable to read ${path}`, () => store.binding.readTextIfThere(path, true));
  if (text === undefined) return undefined;
  try {
    return {
      tree: `${directory}/tree`,
      final: directory,
      record: objectOf(text) as unknown as LayerRecord,
    };
  } catch (error) {
    if (!(error instanceof InvalidDocument)) throw error;
    throw new RuntimeError({
      code: 'image.damaged',
      message: `the image store is damaged at ${path}: ${error.message}`,
      path,
      hint: `remove ${directory}: the layer is unpacked again when it is needed`,
    });
  }
}

/**
 * Unpacks a layer under a temporary name. If the process is killed, the next command that unpacks removes the
 * directory.
 */
function unpackLayer(
  store: ImageStore,
  layer: StoredLayer,
  chainId: string,
  below: string,
  lowers: readonly string[],
): UnfinishedLayer {
  const { binding } = store;
  const { path, lock } = makeTemporary(store, hexOf(layer.diffId).slice(0, 12));
  try {
    const tree = `${path}/tree`;
    const result = unpackInto(store, layer, tree, lowers);
    const record: LayerRecord = {
      diffId: layer.diffId,
      ...(result.usesLowers && { parent: below }),
      size: result.size,
      entries: result.entries,
      ...(result.hidesAll && { hidesAll: true }),
      ...lostBy(result),
    };
    const final = `${layersPath(store)}/${hexOf(result.usesLowers ? chainId : layer.diffId)}`;
    onHost(`unable to finish ${final}`, () =>
      binding.replaceText(`${path}/layer.json`, `${JSON.stringify(record, null, 2)}\n`, 0o644),
    );
    return { tree, final, record, path, lock };
  } catch (error) {
    // The first error is reported. If the removal fails, the next command that unpacks removes the rest.
    refusalOf(() => binding.removeTree(path));
    binding.close(lock);
    throw error;
  }
}

/** Gives layers their names when all are whole and on the disk: one sync for all costs little more than for one. */
function finishLayers(store: ImageStore, layers: readonly UnfinishedLayer[]): void {
  if (layers.length === 0) return;
  const { binding } = store;
  const directory = layersPath(store);
  onHost(`unable to finish ${directory}`, () => binding.syncFilesystem(directory));
  for (const { path, final } of layers) {
    const refusal = refusalOf(() => binding.rename(path, final));
    // Another process was faster, or the image has the layer twice: the other tree is the same.
    const isThere = refusal?.errno === errno.EEXIST || refusal?.errno === errno.ENOTEMPTY;
    if (refusal !== undefined && !isThere) throw hostFailure(refusal, `unable to name ${final}`);
    if (isThere) binding.removeTree(path);
  }
}

/**
 * Uses a directory with the files of a layer as its unpacked tree.
 *
 * @param from - on the file system of the store; it is moved
 */
export function adoptTree(
  store: ImageStore,
  from: string,
  { diffId, size, entries }: { readonly diffId: string; readonly size: number; readonly entries: number },
): void {
  const { binding } = store;
  if (findLayer(store, diffId, diffId, '') !== undefined) return;
  const final = `${layersPath(store)}/${hexOf(diffId)}`;
  const { path, lock } = makeTemporary(store, hexOf(diffId).slice(0, 12));
  try {
    onHost(`unable to finish ${final}`, () => {
      binding.rmdir(`${path}/tree`);
      binding.rename(from, `${path}/tree`);
      binding.replaceText(
        `${path}/layer.json`,
        `${JSON.stringify({ diffId, size, entries }, null, 2)}\n`,
        0o644,
      );
      binding.syncFilesystem(path);
      binding.rename(path, final);
    });
  } catch (error) {
    refusalOf(() => binding.removeTree(path));
    // If another process has made the same tree meanwhile, that tree is used.
    if (binding.stat(`${final}/layer.json`) === undefined) throw error;
  } finally {
    binding.close(lock);
  }
}

function unpackInto(
  store: ImageStore,
  layer: StoredLayer,
  tree: string,
  lowers: readonly string[],
): Unpacked {
  const { binding } = store;
  const blob = blobPath(store, layer.digest);
  const what = `layer ${layer.digest.slice(0, 19)}`;
  const isRoot = isMachineRoot(binding);
  const compression = onHost(`unable to read ${blob}`, () => compressionOfFile(binding, blob));
  const isLarge = compression === 'gzip' && layer.size >= leastInflate;
  const own = isLarge ? store.inflate : undefined;
  const decompress = own ?? decompressorOf(binding, compression, what);
  const isCompressed = decompress.length > 0;
  const source = openReadOnly(binding, blob);
  let result: Unpacked;
  try {
    result = onHost(`unable to unpack ${what}`, () =>
      binding.unpackTree({
        source,
        decompress,
        tree,
        lowers: [...lowers].reverse(),
        layer: true,
        whiteouts: true,
        strict: isRoot,
        opaque: isRoot ? 'trusted.overlay.opaque' : 'user.overlay.opaque',
        // The digest of an uncompressed layer is the name of its blob, and was checked before.
        hashes: isCompressed,
      }),
    );
  } finally {
    binding.close(source);
  }
  requireUnpacked(result, { what, place: tree, bytes: layer.size });
  const diffId = isCompressed ? digestOfHex(result.digest) : layer.digest;
  if (diffId === layer.diffId) return result;
  throw new RuntimeError({
    code: 'image.layer-digest',
    message: `the content of ${what} has the digest ${diffId}, and the config of the image has ${layer.diffId}`,
    path: blob,
    value: diffId,
    hint: 'the image was built wrongly, or it was changed: get it from another place',
  });
}

function lossOf({ digest }: StoredLayer, lost: NonNullable<LayerRecord['lost']>): string {
  const numbers = Object.entries(lost).filter(([, count]) => count > 0);
  const texts = numbers.map(([what, count]) => `${count} ${count === 1 ? what.replace(/s$/, '') : what}`);
  return `layer ${digest.slice(0, 19)} is unpacked without the rights of root, and these could not be kept: ${texts.join(', ')}`;
}

function lostBy({ lostOwners, lostDevices, lostAttributes }: Unpacked): Pick<LayerRecord, 'lost'> {
  if (lostOwners + lostDevices + lostAttributes === 0) return {};
  return { lost: { owners: lostOwners, devices: lostDevices, attributes: lostAttributes } };
}

/**
 * Makes a directory with an empty directory `tree` in it. The lock shows other processes that the directory is in use.
 * Removes the directories of killed processes first.
 */
export function makeTemporary(store: ImageStore, purpose: string): { path: string; lock: number } {
  const { binding } = store;
  const directory = layersPath(store);
  onHost(`unable to make ${directory}`, () => makeDirectories(binding, directory, 0o700));
  removeInterrupted(store);
  const name = `${directory}/${unfinishedPrefix}${purpose}-${binding.pid()}`;
  return onHost(`unable to make ${name}`, () => {
    for (let attempt = 0; ; attempt++) {
      const path = `${name}-${attempt}`;
      const taken = refusalOf(() => binding.mkdir(path, 0o700));
      if (taken?.errno === errno.EEXIST) continue;
      if (taken !== undefined) throw taken;
      let lock = -1;
      const refusal = refusalOf(() => {
        lock = binding.open(path, 0, 0);
        if (!binding.lock(lock, 0))
          throw Object.assign(new Error(), { syscall: 'flock', errno: errno.EAGAIN });
        binding.mkdir(`${path}/tree`, 0o755);
      });
      if (refusal === undefined) return { path, lock };
      if (lock >= 0) binding.close(lock);
      // Another process has removed it between two of the calls.
      if (refusal.errno !== errno.EAGAIN && refusal.errno !== errno.ENOENT) throw refusal;
    }
  });
}

/** Removes what killed processes left: directories that no process holds locked. */
function removeInterrupted(store: ImageStore): void {
  const { binding } = store;
  const directory = layersPath(store);
  const names = onHost(`unable to read ${directory}`, () => binding.readdir(directory));
  for (const name of names.filter(one => one.startsWith(unfinishedPrefix))) {
    const path = `${directory}/${name}`;
    onHost(`unable to remove ${path}`, () => {
      try {
        const lock = binding.open(path, 0, 0);
        try {
          if (binding.lock(lock, 0)) binding.removeTree(path);
        } finally {
          binding.close(lock);
        }
      } catch (error) {
        if (!isSystemError(error) || error.errno !== errno.ENOENT) throw error;
      }
    });
  }
}

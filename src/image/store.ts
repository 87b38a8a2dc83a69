// SPDX-License-Identifier: Apache-2.0
import { errnoText } from '../errors/errno.ts';
import { RuntimeError } from '../errors/error.ts';
import { onHost, refusalOf } from '../errors/system.ts';
import { makeClaim, readClaims } from '../host/claims.ts';
import { unlessMissing } from '../host/files.ts';
import { withLock } from '../host/lock.ts';
import { O } from '../kernel/files.ts';
import {
  blobPath,
  blobSize,
  hasBlob,
  type ImageStore,
  imagesPath,
  layersPath,
  prepareImages,
  writeBlob,
} from './blobs.ts';
import { type HistoryEntry, type ImageConfig, parseImageDocument } from './config.ts';
import { chainIds, digestOfHex, digestOfText, hexOf, isDigest } from './digest.ts';
import {
  type Descriptor,
  type ImageIndex,
  type Manifest,
  mediaTypes,
  parseManifest,
  readDescriptor,
} from './manifest.ts';
import { InvalidDocument, type JsonObject, listOf, objectOf, requiredText } from './members.ts';
import { machinePlatform, type Platform, selectPlatform } from './platform.ts';
import { formatReference, shortReference, tryReference } from './reference.ts';

export type { ImageStore } from './blobs.ts';

/** An image whose manifest and config are in the store. */
export interface StoredImage {
  /** Digest of the config. */
  readonly id: string;
  /** Digest of the manifest in the store. */
  readonly digest: string;
  /** Digests of the image in registries: those of the index and of the manifest that were pulled. */
  readonly sources: readonly string[];
  /** Complete names, in the order of the index. Empty if newer images have taken all names of this image. */
  readonly references: readonly string[];
  /** For each of the names, the digest that its registry has for it. */
  readonly digests: readonly string[];
  /** RFC 3339; empty if the image does not contain it. */
  readonly created: string;
  readonly author: string;
  /** Bytes of the manifest, the config and the layers in the store. */
  readonly size: number;
  readonly platform: Platform;
  readonly config: ImageConfig;
  readonly history: readonly HistoryEntry[];
  /** Lowest first. */
  readonly layers: readonly StoredLayer[];
}

export interface StoredLayer {
  readonly digest: string;
  readonly mediaType: string;
  /** Digest of the uncompressed layer. */
  readonly diffId: string;
  readonly size: number;
}

/** Removed names and images, in this order. */
export interface Removal {
  /** Short names: `busybox:latest`. */
  readonly untagged: readonly string[];
  /** The id of the image and the chain ids of its layers, if no other image has them. */
  readonly deleted: readonly string[];
}

/** OCI's annotation for the name of an image in a layout. */
const nameAnnotation = 'org.opencontainers.image.ref.name';
/** Digests of a registry for the image, separated by blanks. */
const sourceAnnotation = 'tsubo.image.sources';
/** Time limit for taking the lock. Its holder replaces one file, or removes the files of an image. */
const lockTimeoutMs = 60_000;
/** Names of directories in `layers` that are unfinished, or that were removed by a killed command. */
export const unfinishedPrefix = '.tmp-';
/** In bytes. Documents of images usually have some kilobytes. */
export const largestDocument = 8 << 20;

// ---- reading -------------------------------------------------------------------------------------------------------

/** Returns the images that can be read. */
export function listImages(store: ImageStore): StoredImage[] {
  return readImages(store).images;
}

/** Returns all images, and an error for each image that cannot be read. */
export function readImages(store: ImageStore): { images: StoredImage[]; damaged: RuntimeError[] } {
  const byId = new Map<string, StoredImage>();
  const damaged: RuntimeError[] = [];
  for (const entry of readIndex(store)) {
    try {
      const image = readImage(store, entry);
      const known = byId.get(image.id);
      byId.set(image.id, known === undefined ? image : merged(known, image));
    } catch (error) {
      if (!(error instanceof RuntimeError)) throw error;
      damaged.push(
        error.with({ hint: `tsubo image rm ${labelOf(entry)} removes the image; then pull it again` }),
      );
    }
  }
  return { images: [...byId.values()], damaged };
}

function merged(first: StoredImage, second: StoredImage): StoredImage {
  return {
    ...first,
    references: [...first.references, ...second.references],
    digests: [...first.digests, ...second.digests],
    sources: [...new Set([...first.sources, ...second.sources])],
  };
}

/**
 * Returns the image with this name, digest, id or prefix of an id; undefined if there is none. A name has precedence
 * over an id.
 *
 * @throws RuntimeError `image.ambiguous` if several ids begin with it, `image.damaged`
 */
export function findImage(store: ImageStore, text: string): StoredImage | undefined {
  const reference = tryReference(text);
  const complete = reference === undefined ? text : formatReference(reference);
  const index = readIndex(store);
  const named = index.find(entry => nameOf(entry) === complete);
  if (named !== undefined) return withAllNames(store, readImage(store, named));

  const { images } = readImages(store);
  if (reference?.digest !== undefined) {
    const { digest } = reference;
    return images.find(
      image => (image.digest === digest || image.sources.includes(digest)) && isOfRepository(image, complete),
    );
  }
  if (isDigest(text)) {
    const exact = images.find(({ id, digest, sources }) => [id, digest, ...sources].includes(text));
    if (exact !== undefined) return exact;
  }
  const prefix = /^(?:sha256:)?([0-9a-f]{1,64})$/.exec(text)?.[1];
  if (prefix === undefined) return undefined;
  const found = images.filter(({ id }) => hexOf(id).startsWith(prefix));
  if (found.length <= 1) return found[0];
  throw new RuntimeError({
    code: 'image.ambiguous',
    message: `several images have an id that begins with ${prefix}`,
    value: text,
    hint: `write more digits: ${found.map(({ id }) => hexOf(id).slice(0, 12)).join(', ')}`,
  });
}

/** Like findImage, but throws `image.unknown` if there is no such image. */
export function needImage(store: ImageStore, text: string): StoredImage {
  const image = findImage(store, text);
  if (image !== undefined) return image;
  throw noSuchImage(text);
}

export function noSuchImage(text: string): RuntimeError {
  return new RuntimeError({
    code: 'image.unknown',
    message: `no such image: ${text}`,
    value: text,
    hint:
      tryReference(text) === undefined
        ? 'tsubo image ls prints all images'
        : `tsubo image ls prints all images; tsubo image pull ${text} gets it from its registry`,
  });
}

function withAllNames(store: ImageStore, image: StoredImage): StoredImage {
  return readImages(store).images.find(({ id }) => id === image.id) ?? image;
}

/** Returns true if the image belongs to the repository of this reference with a digest. */
function isOfRepository({ references }: StoredImage, complete: string): boolean {
  const repository = complete.replace(/@.*$/, '');
  return references.some(name => name.startsWith(`${repository}:`) || name.startsWith(`${repository}@`));
}

/** Returns the entries of index.json; none if there is no store. */
function readIndex(store: ImageStore): Descriptor[] {
  const path = `${imagesPath(store)}/index.json`;
  const text = onHost(`unable to read ${path}`, () => store.binding.readTextIfThere(path, true));
  if (text === undefined) return [];
  return parsed(path, () => [...listOf(objectOf(text), 'manifests', readDescriptor)]);
}

/** Returns the complete name of an entry, in which other programs may have written a short one. */
function nameOf({ annotations }: Descriptor): string | undefined {
  const name = annotations?.[nameAnnotation];
  const reference = name === undefined ? undefined : tryReference(name);
  return reference === undefined ? name : formatReference(reference);
}

/** Returns the short name of an entry; without a name, the digest of its manifest. */
function labelOf(entry: Descriptor): string {
  const name = nameOf(entry);
  return name === undefined ? entry.digest : shortReference(name);
}

function sourcesOf({ annotations }: Pick<Descriptor, 'annotations'>): string[] {
  return (annotations?.[sourceAnnotation] ?? '').split(' ').filter(isDigest);
}

function readImage(store: ImageStore, entry: Descriptor): StoredImage {
  const { digest, manifest, size } = readManifest(store, entry);
  const path = blobPath(store, manifest.config.digest);
  const document = parsed(path, () => parseImageDocument(readDocument(store, manifest.config.digest)));
  if (document.diffIds.length !== manifest.layers.length) {
    const counts = `the manifest has ${manifest.layers.length} layers, and the config ${document.diffIds.length}`;
    throw damagedAt(path, counts);
  }
  const name = nameOf(entry);
  const sources = sourcesOf(entry);
  const layers = manifest.layers.map((layer, index) => ({
    digest: layer.digest,
    mediaType: layer.mediaType,
    diffId: document.diffIds[index] as string,
    size: layer.size,
  }));
  return {
    id: manifest.config.digest,
    digest,
    sources,
    references: name === undefined ? [] : [name],
    digests: name === undefined ? [] : [sources[0] ?? digest],
    created: document.created,
    author: document.author,
    size: layers.reduce((sum, layer) => sum + layer.size, size + manifest.config.size),
    platform: document.platform,
    config: document.config,
    history: document.history,
    layers,
  };
}

/**
 * Returns the manifest of an entry. If another program stored an index, returns the manifest for this machine's
 * platform.
 */
function readManifest(
  store: ImageStore,
  { digest, mediaType, size }: Descriptor,
  depth = 0,
): { digest: string; manifest: Manifest; size: number } {
  const path = blobPath(store, digest);
  const document: Manifest | ImageIndex = parsed(path, () =>
    parseManifest(readDocument(store, digest), mediaType),
  );
  if (document.kind === 'manifest') return { digest, manifest: document, size };
  const platform = machinePlatform(store.binding.identity().machine);
  const stored = document.manifests.filter(entry => hasBlob(store, entry.digest));
  const selected = selectPlatform(stored, platform) ?? stored[0];
  if (selected === undefined || depth > 3)
    throw damagedAt(path, 'the store has none of the images of the index');
  return readManifest(store, selected, depth + 1);
}

/** Returns the content of a blob with a document; it has at most `largestDocument` bytes. */
export function readDocument(store: ImageStore, digest: string): string {
  const path = blobPath(store, digest);
  const text = onHost(`unable to read ${path}`, () =>
    unlessMissing(() => store.binding.readText(path, largestDocument)),
  );
  if (text === undefined) throw damagedAt(path, 'it does not exist');
  return text;
}

/** Removes a document whose content does not match its digest; a pull then downloads it again. */
export function removeDamagedDocument(store: ImageStore, digest: string): void {
  if (!hasBlob(store, digest) || digestOfText(readDocument(store, digest)) === digest) return;
  const path = blobPath(store, digest);
  onHost(`unable to remove ${path}`, () => unlessMissing(() => store.binding.unlink(path)));
}

/** Returns the result of `work`; an InvalidDocument that it throws becomes `image.damaged`. */
function parsed<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw error instanceof InvalidDocument ? damagedAt(path, error.message) : error;
  }
}

function damagedAt(path: string, problem: string): RuntimeError {
  return new RuntimeError({
    code: 'image.damaged',
    message: `the image store is damaged at ${path}: ${problem}`,
    path,
    hint: 'remove the image, and pull it again',
  });
}

// ---- changing ------------------------------------------------------------------------------------------------------

/**
 * Calls `work` while this process holds the lock of the images.
 *
 * @throws RuntimeError `state.busy` if another process holds the lock for `lockTimeoutMs`
 */
export function lockedImages<T>(store: ImageStore, work: () => T): T {
  const { binding } = store;
  const images = imagesPath(store);
  prepareImages(store);
  return withLock(binding, images, { what: 'the images', timeoutMs: lockTimeoutMs }, () => {
    const layout = `${images}/oci-layout`;
    if (binding.stat(layout) === undefined) {
      onHost(`unable to write ${layout}`, () =>
        binding.replaceText(layout, '{"imageLayoutVersion":"1.0.0"}\n', 0o644),
      );
    }
    return work();
  });
}

function claimsPath(store: ImageStore): string {
  return `${store.directory}/claims/images`;
}

/**
 * Claims an image for a container that is being made and has no record yet: no command removes the image until the
 * claim is ended. Returns undefined if there is no such image, or if `isWanted` returns false.
 *
 * @param isWanted - returns false for an image that must not be used
 */
export function claimImage(
  store: ImageStore,
  text: string,
  isWanted: (image: StoredImage) => boolean = () => true,
): { readonly image: StoredImage; readonly end: () => void } | undefined {
  return lockedImages(store, () => {
    const image = findImage(store, text);
    if (image === undefined || !isWanted(image)) return undefined;
    const user: User = {
      label: 'a container that is being made',
      imageId: image.id,
      layers: layerIds(image).map(hexOf),
      blobs: [],
    };
    return { image, end: makeClaim(store.binding, claimsPath(store), JSON.stringify(user)) };
  });
}

/**
 * Claims the blobs and layers of an image that is pulled or loaded: no command removes them until the claim is ended.
 * Returns a function that ends it.
 *
 * @param label - of the command, for messages: `a pull`
 */
export function claimFiles(
  store: ImageStore,
  label: string,
  imageId: string,
  layers: readonly Pick<StoredLayer, 'digest' | 'diffId'>[],
  documents: readonly string[],
): () => void {
  const user: User = {
    label,
    imageId,
    layers: layerIds({ layers }).map(hexOf),
    blobs: [imageId, ...documents, ...layers.map(({ digest }) => digest)],
  };
  return lockedImages(store, () => makeClaim(store.binding, claimsPath(store), JSON.stringify(user)));
}

/** Writes a document as a blob and returns its digest. */
export function storeDocument(store: ImageStore, text: string): string {
  return lockedImages(store, () => writeBlob(store, text));
}

/**
 * Gives an image a name. An image that had the name before stays, without a name if it has no other.
 * Manifest, config and layers are in the store already.
 *
 * @param size - of the manifest in bytes
 * @param reference - complete name; undefined for an image without a name
 * @param sources - digests of the image in a registry, if they differ from that of the manifest
 * @throws RuntimeError `image.damaged` if a blob is missing
 */
export function addImage(
  store: ImageStore,
  manifestDigest: string,
  mediaType: string,
  size: number,
  reference: string | undefined,
  sources: readonly string[] = [],
): void {
  lockedImages(store, () => {
    const annotations = {
      ...(reference !== undefined && { [nameAnnotation]: reference }),
      ...(sources.length > 0 && { [sourceAnnotation]: sources.join(' ') }),
    };
    const entry = { mediaType, digest: manifestDigest, size };
    const { platform, layers } = readImage(store, entry);
    const missing = layers.find(({ digest }) => !hasBlob(store, digest));
    if (missing !== undefined) throw damagedAt(blobPath(store, missing.digest), 'it does not exist');
    const index = readIndex(store);
    if (reference === undefined && index.some(({ digest }) => digest === manifestDigest)) return;
    const others = reference === undefined ? index : withoutName(index, reference);
    writeIndex(store, [
      ...others.filter(other => nameOf(other) !== undefined || other.digest !== manifestDigest),
      { ...entry, platform, annotations },
    ]);
  });
}

/** Removes the name from its entry. The entry stays, without a name, if no other entry has the manifest. */
function withoutName(index: readonly Descriptor[], reference: string): Descriptor[] {
  return index.flatMap(entry => {
    if (nameOf(entry) !== reference) return [entry];
    const isElsewhere = index.some(other => other !== entry && other.digest === entry.digest);
    if (isElsewhere) return [];
    const { [nameAnnotation]: _, ...annotations } = entry.annotations ?? {};
    return [{ ...entry, annotations }];
  });
}

function writeIndex(store: ImageStore, manifests: readonly Descriptor[]): void {
  const path = `${imagesPath(store)}/index.json`;
  const document = { schemaVersion: 2, mediaType: mediaTypes.index, manifests };
  onHost(`unable to write ${path}`, () =>
    store.binding.replaceText(path, `${JSON.stringify(document, null, 2)}\n`, 0o644),
  );
}

/**
 * Adds an image with its complete names, if it has any. Its blobs are synced to disk before the index refers to them.
 */
export function addSyncedImage(store: ImageStore, manifest: string, names: readonly string[]): void {
  const images = imagesPath(store);
  onHost(`unable to write ${images}`, () => store.binding.syncFilesystem(images));
  const size = blobSize(store, manifest);
  for (const name of names.length > 0 ? names : [undefined])
    addImage(store, manifest, mediaTypes.manifest, size, name);
}

/** Gives an image another name. */
export function tagImage(store: ImageStore, text: string, reference: string): void {
  const { digest, sources } = needImage(store, text);
  addImage(store, digest, mediaTypes.manifest, blobSize(store, digest), reference, sources);
}

/**
 * Removes the entry with this name or this manifest, if it cannot be read. Its files stay, because other images may
 * have them; the next prune removes unused ones.
 */
function removeUnreadable(store: ImageStore, text: string): Removal | undefined {
  const reference = tryReference(text);
  const complete = reference === undefined ? text : formatReference(reference);
  const index = readIndex(store);
  const entry = index.find(one => nameOf(one) === complete || one.digest === text);
  if (entry === undefined || idOf(store, entry) !== undefined) return undefined;
  writeIndex(
    store,
    index.filter(one => one !== entry),
  );
  return { untagged: [labelOf(entry)], deleted: [] };
}

/**
 * Removes a name; with its last name, or by its id, the image with all blobs and unpacked layers that no other image has.
 *
 * @throws RuntimeError `image.unknown`; without `force`, `image.in-use` if a container has the image, and
 *   `image.referenced` if the id of an image with several names is given
 */
export function removeImage(store: ImageStore, text: string, { force = false } = {}): Removal {
  return removing(store, trash => {
    const unreadable = removeUnreadable(store, text);
    if (unreadable !== undefined) return unreadable;
    const image = needImage(store, text);
    const reference = tryReference(text);
    const complete = reference === undefined ? text : formatReference(reference);
    const isName = image.references.includes(complete);
    const names = isName ? [complete] : image.references;
    if (!isName && names.length > 1 && !force) {
      throw new RuntimeError({
        code: 'image.referenced',
        message: `unable to remove ${text}: the image has several names`,
        value: text,
        hint: `remove each name, or use --force: ${names.map(shortReference).join(' ')}`,
      });
    }
    const isLast = names.length === image.references.length;
    const { users, damaged } = readUsers(store);
    const user = isLast ? users.find(({ imageId }) => imageId === image.id) : undefined;
    if (user !== undefined && !force) {
      const { label, id } = user;
      throw new RuntimeError({
        code: 'image.in-use',
        message: `unable to remove ${text}: ${label} uses image ${hexOf(image.id).slice(0, 12)}`,
        value: text,
        hint:
          id === undefined
            ? 'wait until that command has ended, or remove only the name with --force'
            : `remove the container first (tsubo container rm ${id.slice(0, 12)}), or remove only the name with --force`,
      });
    }
    const [problem] = isLast ? damaged : [];
    if (problem !== undefined && !force) throw problem;
    const untagged = names.map(shortReference);
    // A container with a damaged record may use any image.
    const keepsImage = !isLast || user !== undefined || problem !== undefined;
    const index = readIndex(store);
    if (keepsImage) {
      const left = names.reduce((entries, name) => withoutName(entries, name), index);
      writeIndex(store, left);
      return { untagged, deleted: [] };
    }
    const removed = index.filter(entry => idOf(store, entry) === image.id);
    const left = index.filter(entry => !removed.includes(entry));
    writeIndex(store, left);
    // An entry that cannot be read may have the same layers: the next prune that can read all entries removes them.
    if (left.some(entry => idOf(store, entry) === undefined)) return { untagged, deleted: [image.id] };
    return { untagged, deleted: removeUnused(store, trash, [image], removed, left, users) };
  });
}

interface PruneOptions {
  /** Images with a name, too. Default false. */
  readonly named?: boolean;
  /** Default: all. */
  readonly isWanted?: (image: StoredImage) => boolean;
}

/**
 * Removes all images without a name that no container uses, and all files that belong to no image and no container.
 *
 * @throws RuntimeError `image.damaged` or `state.damaged` before anything is removed, if an entry or a record that may
 *   use files cannot be read
 */
export function pruneImages(
  store: ImageStore,
  { named = false, isWanted = () => true }: PruneOptions = {},
): Removal {
  return removing(store, trash => {
    const index = readIndex(store);
    const { images, damaged } = readImages(store);
    const { users, damaged: damagedUsers } = readUsers(store);
    const [problem] = [...damaged, ...damagedUsers];
    if (problem !== undefined) throw problem;
    const unused = images.filter(
      image =>
        (named || image.references.length === 0) &&
        !users.some(({ imageId }) => imageId === image.id) &&
        isWanted(image),
    );
    const ids = unused.map(({ id }) => id);
    const removed = index.filter(entry => ids.includes(idOf(store, entry) ?? ''));
    const left = index.filter(entry => !removed.includes(entry));
    if (removed.length > 0) writeIndex(store, left);
    const deleted = removeUnused(store, trash, unused, removed, left, users);
    removeLeftovers(store, trash, left, users);
    return { untagged: unused.flatMap(({ references }) => references.map(shortReference)), deleted };
  });
}

/**
 * Removes parts of interrupted downloads, and blobs to which no entry refers. A running pull holds the lock of its
 * partial files, and requests a blob again that is missing at its end.
 */
function removeLeftovers(
  store: ImageStore,
  trash: Trash,
  entries: readonly Descriptor[],
  users: readonly User[],
): void {
  const { binding } = store;
  const images = imagesPath(store);
  const remove = (path: string) =>
    onHost(`unable to remove ${path}`, () => unlessMissing(() => binding.unlink(path)));
  const kept = new Set(
    [...entries.flatMap(entry => blobsOf(store, entry)), ...users.flatMap(user => user.blobs)].map(hexOf),
  );
  for (const name of binding.readdir(`${images}/blobs/sha256`)) {
    if (!kept.has(name)) remove(`${images}/blobs/sha256/${name}`);
  }
  // An unfinished layer begins with a dot; the next command that unpacks removes it.
  const layers = layersPath(store);
  const keptLayers = new Set([
    ...entries.flatMap(entry => layersOf(store, entry)).map(hexOf),
    ...users.flatMap(user => user.layers),
  ]);
  for (const name of unlessMissing(() => binding.readdir(layers)) ?? []) {
    if (name.startsWith('.') || keptLayers.has(name)) continue;
    discardLayer(store, trash, name);
  }
  for (const name of binding.readdir(`${images}/partial`)) {
    const path = `${images}/partial/${name}`;
    const fd = unlessMissing(() => binding.open(path, O.O_RDONLY | O.O_CLOEXEC, 0));
    if (fd === undefined) continue;
    try {
      if (binding.lock(fd, 0)) remove(path);
    } finally {
      binding.close(fd);
    }
  }
}

/** Paths of directories with removed layers, which have a temporary name. */
type Trash = string[];

/**
 * Calls `work` with the lock, which renames layers, and removes the renamed layers without the lock, because that may
 * take seconds.
 */
function removing(store: ImageStore, work: (trash: Trash) => Removal): Removal {
  const trash: Trash = [];
  try {
    return lockedImages(store, () => work(trash));
  } finally {
    for (const path of trash) onHost(`unable to remove ${path}`, () => store.binding.removeTree(path));
  }
}

/** Renames a layer before its removal: if the removal is killed, no incomplete layer remains under the name. */
function discardLayer(store: ImageStore, trash: Trash, name: string): void {
  const layers = layersPath(store);
  const path = `${layers}/${name}`;
  const unused = `${layers}/${unfinishedPrefix}removed-${name.slice(0, 12)}-${store.binding.pid()}-${trash.length}`;
  onHost(`unable to remove ${path}`, () => {
    unlessMissing(() => {
      store.binding.rename(path, unused);
      trash.push(unused);
    });
  });
}

function idOf(store: ImageStore, entry: Descriptor): string | undefined {
  try {
    return readImage(store, entry).id;
  } catch (error) {
    if (error instanceof RuntimeError) return undefined;
    throw error;
  }
}

/** The image and the layers of a container, from its container.json, or those that a running command uses. */
interface User {
  /** For messages: `container 0123456789ab`. */
  readonly label: string;
  /** The container. Absent for a running command. */
  readonly id?: string;
  readonly imageId: string;
  /** Digests of other blobs in use: those of an image that is being pulled. */
  readonly blobs: readonly string[];
  /** Names in `layers/`. */
  readonly layers: readonly string[];
}

/**
 * Returns the containers and the running commands, and an error for each container whose record cannot be read.
 * Precondition: the lock of the images is held.
 */
function readUsers(store: ImageStore): { users: User[]; damaged: RuntimeError[] } {
  const { binding, directory } = store;
  const containers = `${directory}/containers`;
  const ids = onHost(`unable to read ${containers}`, () => unlessMissing(() => binding.readdir(containers)));
  const users = readClaims(binding, claimsPath(store)).map(text => JSON.parse(text) as User);
  const damaged: RuntimeError[] = [];
  for (const id of ids ?? []) {
    const path = `${containers}/${id}/container.json`;
    let text: string | undefined;
    const refusal = refusalOf(() => {
      text = binding.readTextIfThere(path);
    });
    if (refusal !== undefined) damaged.push(damagedUser(id, path, errnoText(refusal.errno)));
    if (text === undefined) continue;
    try {
      const record = objectOf(text);
      users.push({
        label: `container ${id.slice(0, 12)}`,
        id,
        imageId: requiredText(record, 'imageId'),
        layers: requiredTexts(record, 'layers'),
        blobs: [],
      });
    } catch (error) {
      if (!(error instanceof InvalidDocument)) throw error;
      damaged.push(damagedUser(id, path, error.message));
    }
  }
  return { users, damaged };
}

function requiredTexts(from: JsonObject, name: string): readonly string[] {
  const value = from[name];
  if (Array.isArray(value) && value.every(entry => typeof entry === 'string')) return value;
  throw new InvalidDocument(`${name} is not a list of texts`);
}

function damagedUser(id: string, path: string, problem: string): RuntimeError {
  const short = id.slice(0, 12);
  return new RuntimeError({
    code: 'state.damaged',
    message: `the file ${path} is damaged: ${problem}; the container may use any image`,
    path,
    value: id,
    hint: `tsubo container rm --force ${short} removes the container`,
  });
}

/** Removes blobs and layers of the images that the remaining entries do not have. */
function removeUnused(
  store: ImageStore,
  trash: Trash,
  images: readonly StoredImage[],
  removed: readonly Descriptor[],
  left: readonly Descriptor[],
  users: readonly User[],
): string[] {
  const { binding } = store;
  const kept = new Set([
    ...left.flatMap(entry => blobsOf(store, entry)),
    ...users.flatMap(user => user.blobs),
  ]);
  const unused = [...new Set(removed.flatMap(entry => blobsOf(store, entry)))].filter(
    digest => !kept.has(digest),
  );
  const keptLayers = new Set([
    ...left.flatMap(entry => layersOf(store, entry)),
    ...users.flatMap(user => user.layers.map(digestOfHex)),
  ]);
  const layers = [...new Set(images.flatMap(layerIds))].filter(id => !keptLayers.has(id));
  const deleted = images.flatMap(image => [
    image.id,
    ...chainIds(image.layers.map(({ diffId }) => diffId))
      .filter(id => !keptLayers.has(id))
      .reverse(),
  ]);
  for (const id of layers) discardLayer(store, trash, hexOf(id));
  for (const digest of unused) {
    const path = blobPath(store, digest);
    onHost(`unable to remove ${path}`, () => unlessMissing(() => binding.unlink(path)));
  }
  return deleted;
}

/** Returns the diff ids and the chain ids, because either can be the name of an unpacked layer. */
function layerIds({ layers }: { readonly layers: readonly Pick<StoredLayer, 'diffId'>[] }): string[] {
  const diffIds = layers.map(({ diffId }) => diffId);
  return [...diffIds, ...chainIds(diffIds)];
}

function layersOf(store: ImageStore, entry: Descriptor): string[] {
  try {
    return layerIds(readImage(store, entry));
  } catch (error) {
    if (error instanceof RuntimeError) return [];
    throw error;
  }
}

/** Returns all blobs of an entry that are in the store. */
function blobsOf(
  store: ImageStore,
  entry: Pick<Descriptor, 'digest' | 'mediaType' | 'annotations'>,
): string[] {
  const own = [entry.digest, ...sourcesOf(entry)];
  const inner = own.flatMap(digest => {
    if (!hasBlob(store, digest)) return [];
    try {
      const document = parseManifest(readDocument(store, digest), entry.mediaType);
      if (document.kind === 'manifest') return [document.config, ...document.layers].map(blob => blob.digest);
      return document.manifests.flatMap(manifest => blobsOf(store, manifest));
    } catch (error) {
      if (error instanceof InvalidDocument || error instanceof RuntimeError) return [];
      throw error;
    }
  });
  return [...new Set([...own, ...inner])];
}

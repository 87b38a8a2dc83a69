// SPDX-License-Identifier: Apache-2.0
import { errno } from '../errors/errno.ts';
import { RuntimeError } from '../errors/error.ts';
import { hostFailure, isSystemError, onHost, refusalOf } from '../errors/system.ts';
import { visibleLine } from '../errors/visible.ts';
import { openReadOnly } from '../host/files.ts';
import { O, S_IF, S_IFMT } from '../kernel/files.ts';
import { blobPath, type ImageStore, prepareImages } from './blobs.ts';
import { parseImageDocument } from './config.ts';
import { digestOfHex, digestOfText, hexOf } from './digest.ts';
import { makeTemporary } from './layers.ts';
import { type Descriptor, mediaTypes, parseManifest, readDescriptor, toOciManifest } from './manifest.ts';
import {
  asObject,
  asText,
  InvalidDocument,
  type JsonObject,
  listOf,
  objectOf,
  requiredText,
} from './members.ts';
import { machinePlatform, selectPlatform } from './platform.ts';
import { formatReference, parseReference, tryReference } from './reference.ts';
import { addSyncedImage, claimFiles, storeDocument } from './store.ts';
import { compressionOfFile, decompressorOf, requireUnpacked } from './unpack.ts';

export interface LoadedImage {
  readonly id: string;
  /** Complete names; empty if the archive contains none. */
  readonly names: readonly string[];
}

/** An archive whose files are below `tree`. */
interface OpenArchive {
  readonly store: ImageStore;
  /** For messages. */
  readonly name: string;
  readonly tree: number;
}

/** The media type of a layer, by its compression. */
const layerTypes = {
  none: mediaTypes.layer,
  gzip: mediaTypes.gzipLayer,
  zstd: mediaTypes.zstdLayer,
} as const;

/**
 * Adds the images of an archive to the store: of Docker's format, or an OCI layout. The archive may be compressed.
 *
 * @param path - the archive; undefined for standard input
 * @throws RuntimeError `image.archive`, `image.disk-full`
 */
export function loadImages(store: ImageStore, path: string | undefined): LoadedImage[] {
  const { binding } = store;
  prepareImages(store);
  const temporary = makeTemporary(store, 'load');
  const tree = `${temporary.path}/tree`;
  try {
    const name = path ?? 'standard input';
    unpackArchive(store, path ?? spooledInput(store, temporary.path), name, tree);
    const archive: OpenArchive = { store, name, tree: openReadOnly(binding, tree) };
    try {
      return addAll(archive);
    } finally {
      binding.close(archive.tree);
    }
  } finally {
    // If the removal fails, the next command that unpacks removes the directory.
    refusalOf(() => binding.removeTree(temporary.path));
    binding.close(temporary.lock);
  }
}

/**
 * Returns a path of standard input that can be read twice: a pipe is copied to a file, because detecting the
 * compression reads from it.
 */
function spooledInput({ binding }: ImageStore, directory: string): string {
  const input = '/proc/self/fd/0';
  const status = onHost('unable to read standard input', () => binding.stat(input));
  if (((status?.mode ?? 0) & S_IFMT) === S_IF.S_IFREG) return input;
  const path = `${directory}/archive`;
  return onHost(`unable to copy standard input to ${path}`, () => {
    const fd = binding.open(path, O.O_RDWR | O.O_CREAT | O.O_EXCL | O.O_CLOEXEC, 0o600);
    try {
      binding.copyBytes(0, fd);
    } finally {
      binding.close(fd);
    }
    return path;
  });
}

function unpackArchive(store: ImageStore, path: string, name: string, tree: string): void {
  const { binding } = store;
  const bytes = onHost(`unable to read ${name}`, () => binding.stat(path))?.size ?? 0;
  const compression = onHost(`unable to read ${name}`, () => compressionOfFile(binding, path));
  const decompress = decompressorOf(binding, compression, name);
  const source = onHost(`unable to open ${name}`, () => binding.open(path, O.O_RDONLY | O.O_CLOEXEC, 0));
  try {
    const result = onHost(`unable to unpack ${name}`, () =>
      binding.unpackTree({
        source,
        decompress,
        tree,
        lowers: [],
        layer: false,
        whiteouts: false,
        strict: false,
        opaque: '',
        hashes: false,
      }),
    );
    requireUnpacked(result, { what: name, place: tree, bytes });
  } finally {
    binding.close(source);
  }
}

function addAll(archive: OpenArchive): LoadedImage[] {
  const docker = readIfThere(archive, 'manifest.json');
  const index = readIfThere(archive, 'index.json');
  if (docker === undefined && index === undefined) {
    throw damaged(
      archive,
      'it contains neither manifest.json nor index.json',
      'load accepts archives of docker save, and of OCI layouts',
    );
  }
  const tags = docker === undefined ? [] : checked(archive, 'manifest.json', () => readDocker(docker));
  const layout =
    index === undefined
      ? []
      : checked(archive, 'index.json', () => listOf(objectOf(index), 'manifests', readDescriptor));
  const found = layout.flatMap(entry => addEntry(archive, entry, tags));
  const loaded = found.length > 0 ? found : tags.map(entry => addDocker(archive, entry));
  if (loaded.length === 0) throw damaged(archive, 'it contains no image', 'save the image again');
  const byId = new Map<string, LoadedImage>();
  for (const { id, names } of loaded)
    byId.set(id, { id, names: [...new Set([...(byId.get(id)?.names ?? []), ...names])] });
  return [...byId.values()];
}

// ---- OCI layout ----------------------------------------------------------------------------------------------------

/** Returns no image if the archive has the index of an image for several platforms without its blobs. */
function addEntry(
  archive: OpenArchive,
  entry: Descriptor,
  tags: readonly DockerEntry[],
  depth = 0,
): LoadedImage[] {
  const { store } = archive;
  const path = blobIn(entry.digest);
  const text = readIfThere(archive, path);
  if (text === undefined) {
    if (depth > 0) return [];
    throw damaged(archive, `${path} is missing`, 'save the image again');
  }
  requireDigest(archive, path, entry.digest);
  const document = checked(archive, path, () => parseManifest(text, entry.mediaType));
  if (document.kind === 'index') {
    const there = document.manifests.filter(one => isInTree(archive, blobIn(one.digest)));
    const platform = machinePlatform(store.binding.identity().machine);
    const selected = selectPlatform(there, platform) ?? there[0];
    if (selected === undefined || depth > 3) return [];
    return addEntry(
      archive,
      { ...selected, ...(entry.annotations && { annotations: entry.annotations }) },
      tags,
      depth + 1,
    );
  }
  const blobs = [document.config, ...document.layers].map(({ digest }) =>
    identify(archive, blobIn(digest), digest),
  );
  const id = document.config.digest;
  const own = checked(archive, path, () => toOciManifest(text));
  const names = namesOf(
    entry,
    tags.find(({ config }) => config === blobIn(id)),
  );
  addImageOf(archive, id, blobs, own, names);
  return [{ id, names }];
}

/** The names of Docker's manifest.json have precedence: OCI's annotation may be a tag alone. */
function namesOf({ annotations }: Descriptor, docker: DockerEntry | undefined): string[] {
  const given = annotations?.['io.containerd.image.name'];
  const own = annotations?.['org.opencontainers.image.ref.name'];
  const candidates =
    given !== undefined
      ? [given]
      : docker !== undefined
        ? docker.names
        : own !== undefined && /[/:]/.test(own)
          ? [own]
          : [];
  return candidates.flatMap(name => {
    const reference = tryReference(name);
    return reference === undefined ? [] : [formatReference(reference)];
  });
}

// ---- Docker's archive ----------------------------------------------------------------------------------------------

interface DockerEntry {
  /** Paths in the archive. */
  readonly config: string;
  readonly layers: readonly string[];
  readonly names: readonly string[];
}

function readDocker(text: string): DockerEntry[] {
  const list = listOf({ list: JSON.parse(text) as unknown }, 'list', asObject);
  return list.map((entry: JsonObject) => ({
    config: requiredText(entry, 'Config'),
    layers: listOf(entry, 'Layers', asText),
    names: listOf(entry, 'RepoTags', asText).map(name => formatReference(parseReference(name))),
  }));
}

function addDocker(archive: OpenArchive, { config, layers, names }: DockerEntry): LoadedImage {
  const text = readIfThere(archive, config);
  if (text === undefined) throw damaged(archive, `${config} is missing`, 'save the image again');
  const { diffIds } = checked(archive, config, () => parseImageDocument(text));
  if (diffIds.length !== layers.length) {
    const counts = `manifest.json names ${layers.length} layers, and the config ${diffIds.length}`;
    throw damaged(archive, counts, 'save the image again');
  }
  const id = digestOfText(text);
  const blobs = [identify(archive, config, id), ...layers.map(path => identify(archive, path))];
  const descriptors = blobs.slice(1).map(({ path, digest, size }) => {
    const compression = withFile(archive, path, fd =>
      compressionOfFile(archive.store.binding, `/proc/self/fd/${fd}`),
    );
    if (compression === 'bzip2' || compression === 'xz') {
      throw damaged(
        archive,
        `the layer ${path} is compressed with ${compression}`,
        'use gzip or zstd for layers',
      );
    }
    return { mediaType: layerTypes[compression], digest, size };
  });
  descriptors.forEach(({ mediaType, digest }, index) => {
    if (mediaType === mediaTypes.layer && digest !== diffIds[index])
      throw damaged(
        archive,
        `${layers[index]} has the digest ${digest}, not ${diffIds[index]}`,
        'save the image again',
      );
  });
  const manifest = {
    schemaVersion: 2,
    mediaType: mediaTypes.manifest,
    config: { mediaType: mediaTypes.config, digest: id, size: blobs[0]?.size ?? 0 },
    layers: descriptors,
  };
  addImageOf(archive, id, blobs, JSON.stringify(manifest), names);
  return { id, names };
}

// ---- both ----------------------------------------------------------------------------------------------------------

function blobIn(digest: string): string {
  return `blobs/sha256/${hexOf(digest)}`;
}

/** A file of the archive that becomes a blob. */
interface ArchiveBlob {
  readonly path: string;
  readonly digest: string;
  readonly size: number;
}

function identify(archive: OpenArchive, path: string, expected?: string): ArchiveBlob {
  return withFile(archive, path, fd => {
    const { digest: hex, size } = archive.store.binding.digest(fd);
    const digest = digestOfHex(hex);
    if (expected !== undefined && digest !== expected)
      throw damaged(
        archive,
        `${path} has the digest ${digest}, not ${expected}`,
        'the archive is damaged: get it again',
      );
    return { path, digest, size };
  });
}

/**
 * Moves the files to their paths in the store, then adds the image. A claim protects the files from a prune meanwhile.
 */
function addImageOf(
  archive: OpenArchive,
  id: string,
  blobs: readonly ArchiveBlob[],
  manifest: string,
  names: readonly string[],
): void {
  const { store } = archive;
  const digests = [...blobs.map(({ digest }) => digest), digestOfText(manifest)];
  const end = claimFiles(store, 'a load', id, [], digests);
  try {
    for (const { path, digest } of blobs) {
      const target = blobPath(store, digest);
      const refusal = withFile(archive, path, fd => refusalOf(() => store.binding.linkFile(fd, target)));
      if (refusal !== undefined && refusal.errno !== errno.EEXIST)
        throw hostFailure(refusal, `unable to write ${target}`);
    }
    addSyncedImage(store, storeDocument(store, manifest), names);
  } finally {
    end();
  }
}

function requireDigest(archive: OpenArchive, path: string, expected: string): void {
  const { digest } = withFile(archive, path, fd => archive.store.binding.digest(fd));
  if (digestOfHex(digest) === expected) return;
  throw damaged(
    archive,
    `${path} has the digest ${digestOfHex(digest)}`,
    'the archive is damaged: get it again',
  );
}

function withFile<T>(archive: OpenArchive, path: string, work: (fd: number) => T): T {
  const { binding } = archive.store;
  const fd = openInTree(archive, path);
  if (fd === undefined) throw damaged(archive, `${path} is missing`, 'save the image again');
  try {
    return onHost(`unable to read ${path} of ${archive.name}`, () => work(fd));
  } finally {
    binding.close(fd);
  }
}

/** Opens a file of the archive; links are resolved inside its tree. Returns undefined if it is missing. */
function openInTree({ store, tree, name }: OpenArchive, path: string): number | undefined {
  try {
    return store.binding.openInRoot(tree, path, O.O_RDONLY | O.O_NONBLOCK | O.O_CLOEXEC, 0);
  } catch (error) {
    if (isSystemError(error) && (error.errno === errno.ENOENT || error.errno === errno.ENOTDIR))
      return undefined;
    throw isSystemError(error) ? hostFailure(error, `unable to read ${visibleLine(path)} of ${name}`) : error;
  }
}

function isInTree(archive: OpenArchive, path: string): boolean {
  const fd = openInTree(archive, path);
  if (fd !== undefined) archive.store.binding.close(fd);
  return fd !== undefined;
}

function readIfThere(archive: OpenArchive, path: string): string | undefined {
  if (!isInTree(archive, path)) return undefined;
  return withFile(archive, path, fd => archive.store.binding.readAll(fd));
}

function checked<T>(archive: OpenArchive, path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof SyntaxError)
      throw damaged(archive, `${path}: it is not valid JSON`, 'save the image again');
    if (error instanceof InvalidDocument)
      throw damaged(archive, `${path}: ${error.message}`, 'save the image again');
    throw error;
  }
}

function damaged({ name }: OpenArchive, problem: string, hint: string): RuntimeError {
  return new RuntimeError({
    code: 'image.archive',
    message: `unable to load ${name}: ${visibleLine(problem)}`,
    path: name,
    hint,
  });
}

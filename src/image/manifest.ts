// SPDX-License-Identifier: Apache-2.0
import {
  asObject,
  asText,
  InvalidDocument,
  type JsonObject,
  listOf,
  mapOf,
  objectOf,
  optionalObject,
  optionalText,
  requiredDigest,
  requiredSize,
  requiredText,
} from './members.ts';
import type { Platform } from './platform.ts';

/** A reference to a blob. */
export interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
  readonly platform?: Platform;
  readonly annotations?: Readonly<Record<string, string>>;
}

export interface Manifest {
  readonly kind: 'manifest';
  readonly mediaType: string;
  readonly config: Descriptor;
  /** Lowest first. */
  readonly layers: readonly Descriptor[];
}

/** A list of images for several platforms. */
export interface ImageIndex {
  readonly kind: 'index';
  readonly mediaType: string;
  readonly manifests: readonly Descriptor[];
}

const oci = 'application/vnd.oci.image.';
const docker = 'application/vnd.docker.';

/** Media types with OCI's names. */
export const mediaTypes = {
  manifest: `${oci}manifest.v1+json`,
  index: `${oci}index.v1+json`,
  config: `${oci}config.v1+json`,
  layer: `${oci}layer.v1.tar`,
  gzipLayer: `${oci}layer.v1.tar+gzip`,
  zstdLayer: `${oci}layer.v1.tar+zstd`,
} as const;

const dockerManifest = `${docker}distribution.manifest.v2+json`;
const dockerIndex = `${docker}distribution.manifest.list.v2+json`;

/** The value of the header Accept of a request for a manifest. */
export const manifestTypes = [mediaTypes.index, mediaTypes.manifest, dockerIndex, dockerManifest];

/** OCI's name of each of Docker's media types. The contents are the same. */
const equivalents: Readonly<Record<string, string>> = {
  [dockerManifest]: mediaTypes.manifest,
  [dockerIndex]: mediaTypes.index,
  [`${docker}container.image.v1+json`]: mediaTypes.config,
  [`${docker}image.rootfs.diff.tar`]: mediaTypes.layer,
  [`${docker}image.rootfs.diff.tar.gzip`]: mediaTypes.gzipLayer,
  [`${docker}image.rootfs.diff.tar.zstd`]: mediaTypes.zstdLayer,
  [`${docker}image.rootfs.foreign.diff.tar.gzip`]: mediaTypes.gzipLayer,
  [`${oci}layer.nondistributable.v1.tar`]: mediaTypes.layer,
  [`${oci}layer.nondistributable.v1.tar+gzip`]: mediaTypes.gzipLayer,
  [`${oci}layer.nondistributable.v1.tar+zstd`]: mediaTypes.zstdLayer,
};

/** OCI's name of a media type. */
function ociType(mediaType: string): string {
  return Object.hasOwn(equivalents, mediaType) ? (equivalents[mediaType] as string) : mediaType;
}

/** Returns the compression of a layer; undefined if the media type is not that of a layer. */
export function compressionOf(mediaType: string): 'none' | 'gzip' | 'zstd' | undefined {
  const type = ociType(mediaType);
  if (type === mediaTypes.layer) return 'none';
  if (type === mediaTypes.gzipLayer) return 'gzip';
  return type === mediaTypes.zstdLayer ? 'zstd' : undefined;
}

/**
 * Parses a manifest or an index.
 *
 * @param mediaType - of the descriptor or the response; the document itself may lack it
 * @throws InvalidDocument
 */
export function parseManifest(text: string, mediaType: string): Manifest | ImageIndex {
  const document = objectOf(text);
  const own = optionalText(document, 'mediaType') ?? mediaType;
  if (document['schemaVersion'] !== 2) {
    const version = document['schemaVersion'];
    throw new InvalidDocument(
      `its schemaVersion is ${version === undefined ? 'missing' : JSON.stringify(version)}, not 2`,
    );
  }
  // A document that is both could be read differently by two programs.
  const isIndex = optionalMember(document, 'manifests');
  if (isIndex && (optionalMember(document, 'layers') || optionalMember(document, 'config')))
    throw new InvalidDocument('it has the members of a manifest and of an index');
  if (ociType(own) === mediaTypes.index || (isIndex && ociType(own) !== mediaTypes.manifest)) {
    return { kind: 'index', mediaType: own, manifests: listOf(document, 'manifests', readDescriptor) };
  }
  const config = optionalObject(document, 'config');
  if (config === undefined) throw new InvalidDocument('it has no config');
  return {
    kind: 'manifest',
    mediaType: own,
    config: readDescriptor(config, 'config'),
    layers: listOf(document, 'layers', readDescriptor),
  };
}

function optionalMember(document: JsonObject, name: string): boolean {
  return Object.hasOwn(document, name) && document[name] !== null;
}

export function readDescriptor(value: unknown, name: string): Descriptor {
  const from = asObject(value, name);
  try {
    const platform = optionalObject(from, 'platform');
    const annotations = mapOf(from, 'annotations', asText);
    return {
      mediaType: requiredText(from, 'mediaType'),
      digest: requiredDigest(from, 'digest'),
      size: requiredSize(from, 'size'),
      ...(platform !== undefined && { platform: readPlatform(platform) }),
      ...(Object.keys(annotations).length > 0 && { annotations }),
    };
  } catch (error) {
    throw error instanceof InvalidDocument ? new InvalidDocument(`${name}.${error.message}`) : error;
  }
}

/** @param from - the platform of a descriptor, or the config of an image */
export function readPlatform(from: JsonObject): Platform {
  const variant = optionalText(from, 'variant');
  return {
    os: requiredText(from, 'os'),
    architecture: requiredText(from, 'architecture'),
    ...(variant !== undefined && variant !== '' && { variant }),
  };
}

/**
 * Converts a manifest to OCI's media types, because readers of an image layout accept no others. Returns the text
 * unchanged if it has them already, because its digest must stay the same.
 */
export function toOciManifest(text: string): string {
  const document = objectOf(text);
  const convert = (descriptor: unknown) => {
    const from = asObject(descriptor, 'descriptor');
    return { ...from, mediaType: ociType(requiredText(from, 'mediaType')) };
  };
  const converted = {
    ...document,
    mediaType: ociType(optionalText(document, 'mediaType') ?? mediaTypes.manifest),
    config: convert(document['config']),
    layers: listOf(document, 'layers', convert),
  };
  const types = (of: JsonObject) =>
    [
      of['mediaType'] ?? mediaTypes.manifest,
      of['config'],
      ...((of['layers'] as unknown[] | undefined) ?? []),
    ].map(entry => (typeof entry === 'string' ? entry : (entry as JsonObject)['mediaType']));
  const before = types(document);
  return types(converted).every((type, index) => type === before[index]) ? text : JSON.stringify(converted);
}

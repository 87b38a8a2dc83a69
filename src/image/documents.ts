// SPDX-License-Identifier: Apache-2.0
//
// The documents that commands print of an image, and that the library returns.
import type { ImageConfig } from './config.ts';
import { shortName, shortReference, tryReference } from './reference.ts';
import type { StoredImage } from './store.ts';

/** The document of `image inspect`, with Docker's members. */
export interface InspectedImage {
  /** `sha256:` and 64 digits. */
  readonly Id: string;
  /** Names, such as `busybox:latest`. */
  readonly RepoTags: readonly string[];
  readonly RepoDigests: readonly string[];
  /** RFC 3339. */
  readonly Created: string;
  readonly Author: string;
  readonly Config: Omit<ImageConfig, 'ExposedPorts' | 'Volumes'> & {
    /** Keys such as `80/tcp`. */
    readonly ExposedPorts: Readonly<Record<string, object>>;
    /** Keys are paths. */
    readonly Volumes: Readonly<Record<string, object>>;
  };
  readonly Architecture: string;
  readonly Variant?: string;
  readonly Os: string;
  /** Bytes of the compressed layers. */
  readonly Size: number;
  readonly RootFS: { readonly Type: 'layers'; readonly Layers: readonly string[] };
  /** Digest of the manifest. */
  readonly Manifest: string;
  readonly Layers: readonly { readonly digest: string; readonly mediaType: string; readonly size: number }[];
  /** The steps by which it was made, the oldest first. */
  readonly History: StoredImage['history'];
}

/** Returns the members of Docker's document for which the image has values. */
export function inspectedImage(image: StoredImage): InspectedImage {
  const { ExposedPorts, Volumes, ...config } = image.config;
  return {
    Id: image.id,
    RepoTags: image.references.filter(name => !name.includes('@')).map(shortReference),
    RepoDigests: repoDigests(image),
    Created: image.created,
    Author: image.author,
    Config: {
      ...config,
      ExposedPorts: Object.fromEntries(ExposedPorts.map(port => [port, {}])),
      Volumes: Object.fromEntries(Volumes.map(path => [path, {}])),
    },
    Architecture: image.platform.architecture,
    ...(image.platform.variant !== undefined && { Variant: image.platform.variant }),
    Os: image.platform.os,
    Size: image.size,
    RootFS: { Type: 'layers', Layers: image.layers.map(({ diffId }) => diffId) },
    Manifest: image.digest,
    Layers: image.layers.map(({ digest, mediaType, size }) => ({ digest, mediaType, size })),
    History: image.history,
  };
}

function repoDigests({ references, digests }: StoredImage): string[] {
  const names = references.flatMap((name, index) => {
    const reference = tryReference(name);
    return reference === undefined ? [] : [`${shortName(reference)}@${digests[index]}`];
  });
  return [...new Set(names)];
}

/** The id of all steps but the last one of an image. */
export const noId = '<missing>';

/** A step by which an image was made: a row of `image history`. */
export interface ImageStep {
  /** The id of the image for the newest step, `<missing>` for the others. */
  readonly id: string;
  /** RFC 3339. */
  readonly created: string;
  readonly createdBy: string;
  /** Bytes of the layer in the store. */
  readonly size: number;
  readonly comment: string;
}

/** Returns the steps, the newest first. */
export function imageSteps({ id, history: entries, layers }: StoredImage): ImageStep[] {
  // Some builders leave out the first steps.
  let layer = layers.length - entries.filter(({ empty_layer: isEmpty }) => isEmpty !== true).length;
  const steps = entries.map(
    ({ created = '', created_by: createdBy = '', comment = '', empty_layer: isEmpty }) => ({
      id: noId,
      created,
      createdBy,
      size: isEmpty === true ? 0 : (layers[layer++]?.size ?? 0),
      comment,
    }),
  );
  const [newest, ...older] = steps.reverse();
  return newest === undefined ? [] : [{ ...newest, id }, ...older];
}

/** A row of `image ls`: one name of an image, or an image without a name. */
export interface ListedImage {
  /** `sha256:` and 64 digits. */
  readonly id: string;
  /** `<none>` without a name; so is `tag`. */
  readonly repository: string;
  readonly tag: string;
  /** Complete name, with the registry. Absent without a name. */
  readonly reference?: string;
  readonly digest: string;
  /** RFC 3339. */
  readonly created: string;
  /** Bytes of the compressed layers. */
  readonly size: number;
  readonly platform: StoredImage['platform'];
}

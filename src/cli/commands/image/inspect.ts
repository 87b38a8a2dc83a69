// SPDX-License-Identifier: Apache-2.0
import { imageStore } from '../../../image/blobs.ts';
import type { ImageConfig } from '../../../image/config.ts';
import { shortName, shortReference, tryReference } from '../../../image/reference.ts';
import { needImage, type StoredImage } from '../../../image/store.ts';
import type { CommandModule } from '../../command.ts';

export const inspect: CommandModule = {
  name: 'image inspect',
  summary: 'print everything about images as JSON',
  example: ['tsubo image inspect busybox'],
  failurePrefix: 'image inspect failed: ',
  define(command) {
    command.argument('<image...>', 'names, ids or prefixes of ids');
  },
  run({ runtime, print }, names) {
    const store = imageStore(runtime.binding);
    const documents = names.map(name => documentOf(needImage(store, name)));
    print(`${JSON.stringify(documents, null, 4)}\n`);
    return 0;
  },
};

/** Docker's members. */
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
function documentOf(image: StoredImage): InspectedImage {
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

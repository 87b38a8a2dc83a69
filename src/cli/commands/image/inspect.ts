// SPDX-License-Identifier: Apache-2.0
import { imageStore } from '../../../image/blobs.ts';
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

/** Returns the members of Docker's document for which the image has values. */
function documentOf(image: StoredImage): object {
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

// SPDX-License-Identifier: Apache-2.0
import { stepsPath } from '../../../build/cache.ts';
import { type DiskUsage, diskUsage } from '../../../build/disk-usage.ts';
import { listContainers } from '../../../direct/store.ts';
import { onHost } from '../../../errors/system.ts';
import { listImages, pruneImages, removeImage } from '../../../image/store.ts';
import type { CommandModule } from '../../command.ts';
import { decimalSize } from '../../listing.ts';
import { directStore } from '../container/common.ts';
import { prune as pruneContainers } from '../container/rm.ts';
import { removalText } from '../image/rm.ts';
import { prune as pruneNetworks } from '../network/prune.ts';
import { prune as pruneVolumes } from '../volume/rm.ts';

export const prune: CommandModule = {
  name: 'system prune',
  summary: 'remove stopped containers, unused networks, images without a name and the cache of builds',
  example: ['tsubo system prune', 'tsubo system prune --all --volumes'],
  shortOptionsCombine: true,
  define(command) {
    command
      .option('-a, --all', 'remove all images that no container has')
      .option('--volumes', 'remove anonymous volumes that no container has, too')
      .option('-f, --force', 'accepted for scripts: prune never asks');
  },
  run(context, _args, options) {
    const { runtime, print } = context;
    const store = directStore(context);
    const before = totalOf(diskUsage(runtime, store));
    let status = pruneContainers.run(context, [], {});
    status ||= pruneNetworks.run(context, [], {});
    if (options['volumes'] === true) status ||= pruneVolumes.run(context, [], {});
    if (options['all'] === true) {
      const { containers } = listContainers(store);
      for (const { id } of listImages(store)) {
        if (containers.some(({ imageId }) => imageId === id)) continue;
        print(removalText(removeImage(store, id, { force: true })));
      }
    }
    const steps = stepsPath(store);
    onHost(`unable to remove ${steps}`, () => store.binding.removeTree(steps));
    print(removalText(pruneImages(store)));
    print(
      `Total reclaimed space: ${decimalSize(Math.max(0, before - totalOf(diskUsage(runtime, store))))}\n`,
    );
    return status;
  },
};

function totalOf({ images, containers, volumes, buildCache }: DiskUsage): number {
  return images.size + containers.size + volumes.size + buildCache.size;
}

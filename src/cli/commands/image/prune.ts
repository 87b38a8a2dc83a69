// SPDX-License-Identifier: Apache-2.0
import { parsePruneFilters } from '../../../direct/prune-filter.ts';
import { imageStore } from '../../../image/blobs.ts';
import { pruneImages } from '../../../image/store.ts';
import type { CommandModule } from '../../command.ts';
import { listOf } from '../container/options.ts';
import { removalText } from './rm.ts';

export const prune: CommandModule = {
  name: 'image prune',
  summary: 'remove images without a name that no container uses, and parts of cut downloads',
  example: ['tsubo image prune', 'tsubo image prune --all --filter until=240h'],
  failurePrefix: 'image prune failed: ',
  shortOptionsCombine: true,
  define(command) {
    command
      .option('-a, --all', 'remove all images that no container uses, also those with a name')
      .option('--filter <filter...>', 'remove only those with until= (created before), label= or label!=')
      .option('-f, --force', 'accepted for scripts: prune never asks');
  },
  run({ runtime, print }, _args, options) {
    const isWanted = parsePruneFilters(listOf(options, 'filter'), runtime.binding.now());
    const removal = pruneImages(imageStore(runtime.binding), {
      named: options['all'] === true,
      isWanted: ({ created, config }) => isWanted({ created, labels: config.Labels }),
    });
    print(removalText(removal));
    return 0;
  },
};

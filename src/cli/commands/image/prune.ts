// SPDX-License-Identifier: Apache-2.0
import { imageStore } from '../../../image/blobs.ts';
import { pruneImages } from '../../../image/store.ts';
import type { CommandModule } from '../../command.ts';
import { removalText } from './rm.ts';

export const prune: CommandModule = {
  name: 'image prune',
  summary: 'remove images without a name that no container uses, and parts of cut downloads',
  example: ['tsubo image prune'],
  failurePrefix: 'image prune failed: ',
  define() {},
  run({ runtime, print }) {
    print(removalText(pruneImages(imageStore(runtime.binding))));
    return 0;
  },
};

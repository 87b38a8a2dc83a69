// SPDX-License-Identifier: Apache-2.0
import { imageStore } from '../../../image/blobs.ts';
import { inspectedImage } from '../../../image/documents.ts';
import { needImage } from '../../../image/store.ts';
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
    const documents = names.map(name => inspectedImage(needImage(store, name)));
    print(`${JSON.stringify(documents, null, 4)}\n`);
    return 0;
  },
};

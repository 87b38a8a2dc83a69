// SPDX-License-Identifier: Apache-2.0
import { imageStore } from '../../../image/blobs.ts';
import { type Removal, removeImage } from '../../../image/store.ts';
import type { CommandModule } from '../../command.ts';

export const rm: CommandModule = {
  name: 'image rm',
  summary: 'remove images, or names of images',
  example: ['tsubo image rm busybox', 'tsubo image rm --force 4bcff63911fc'],
  failurePrefix: 'image rm failed: ',
  define(command) {
    command
      .argument('<image...>', 'names, ids or prefixes of ids')
      .option('-f, --force', 'remove all names of an id, also of an image that a container uses');
  },
  run({ runtime, print, report }, names, options) {
    const store = imageStore(runtime.binding);
    let status = 0;
    for (const name of names) {
      try {
        print(removalText(removeImage(store, name, { force: options['force'] === true })));
      } catch (error) {
        report(error);
        status = 1;
      }
    }
    return status;
  },
};

/** Docker's lines. */
export function removalText({ untagged, deleted }: Removal): string {
  return [...untagged.map(name => `Untagged: ${name}\n`), ...deleted.map(id => `Deleted: ${id}\n`)].join('');
}

// SPDX-License-Identifier: Apache-2.0
import { RuntimeError } from '../../../errors/error.ts';
import { imageStore } from '../../../image/blobs.ts';
import { saveImages, saveImagesTo } from '../../../image/save.ts';
import type { CommandModule } from '../../command.ts';

export const save: CommandModule = {
  name: 'image save',
  summary: 'write images to an archive',
  example: [
    'tsubo image save -o busybox.tar busybox',
    'tsubo image save busybox web:v1 | gzip > images.tar.gz',
  ],
  failurePrefix: 'image save failed: ',
  define(command) {
    command
      .argument('<image...>', 'names, ids or prefixes of ids')
      .option('-o, --output <file>', 'the archive (default: standard output)');
  },
  run({ runtime }, names, options) {
    const { binding } = runtime;
    const store = imageStore(binding);
    const { output } = options;
    if (typeof output === 'string') {
      saveImages(store, names, output);
      return 0;
    }
    if (binding.isTerminal(1)) {
      throw new RuntimeError({
        code: 'usage.terminal',
        message: 'standard output is a terminal',
        hint: 'name the file: tsubo image save -o FILE IMAGE, or redirect the output',
      });
    }
    saveImagesTo(store, names, 1);
    return 0;
  },
};

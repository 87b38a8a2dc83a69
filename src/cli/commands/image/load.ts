// SPDX-License-Identifier: Apache-2.0
import { RuntimeError } from '../../../errors/error.ts';
import { imageStore } from '../../../image/blobs.ts';
import { loadImages } from '../../../image/load.ts';
import { shortReference } from '../../../image/reference.ts';
import type { CommandModule } from '../../command.ts';

export const load: CommandModule = {
  name: 'image load',
  summary: 'add the images of an archive',
  example: ['tsubo image load -i images.tar', 'docker save busybox | tsubo image load'],
  failurePrefix: 'image load failed: ',
  define(command) {
    command
      .option('-i, --input <file>', 'the archive of docker save or an OCI layout (default: standard input)')
      .option('-q, --quiet', 'print only the ids of the images');
  },
  run({ runtime, print }, _, options) {
    const { binding } = runtime;
    const { input } = options;
    if (typeof input !== 'string' && binding.isTerminal(0)) {
      throw new RuntimeError({
        code: 'usage.terminal',
        message: 'standard input is a terminal',
        hint: 'name the archive: tsubo image load -i FILE',
      });
    }
    for (const { id, names } of loadImages(
      imageStore(binding),
      typeof input === 'string' ? input : undefined,
    )) {
      if (options['quiet'] === true) print(`${id}\n`);
      else if (names.length === 0) print(`Loaded image ID: ${id}\n`);
      else for (const name of names) print(`Loaded image: ${shortReference(name)}\n`);
    }
    return 0;
  },
};

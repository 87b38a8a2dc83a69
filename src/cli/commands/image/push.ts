// SPDX-License-Identifier: Apache-2.0
import { RuntimeError } from '../../../errors/error.ts';
import { imageStore } from '../../../image/blobs.ts';
import { pushImage } from '../../../image/online.ts';
import { findImage } from '../../../image/store.ts';
import type { CommandModule } from '../../command.ts';
import { taggable } from '../container/commit.ts';

export const push: CommandModule = {
  name: 'image push',
  summary: 'upload an image to its registry',
  example: ['tsubo image tag web:v2 localhost:5000/web:v2', 'tsubo image push localhost:5000/web:v2'],
  failurePrefix: 'image push failed: ',
  define(command) {
    command
      .argument('<reference>', 'NAME or NAME:TAG, with the registry in front unless it is docker.io')
      .option('-q, --quiet', 'print only the name of the image');
  },
  run({ runtime, print }, [text = ''], options) {
    const store = imageStore(runtime.binding);
    const complete = taggable(text);
    if (findImage(store, complete)?.references.includes(complete) !== true) {
      throw new RuntimeError({
        code: 'image.unknown',
        message: `an image does not exist locally with the tag: ${complete}`,
        value: text,
        hint: `give it this name first: tsubo image tag IMAGE ${text}`,
      });
    }
    const quiet = options['quiet'] === true;
    pushImage(store, complete, quiet);
    if (quiet) print(`${complete}\n`);
    return 0;
  },
};

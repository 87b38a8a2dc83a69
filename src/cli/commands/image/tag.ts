// SPDX-License-Identifier: Apache-2.0
import { imageStore } from '../../../image/blobs.ts';
import { tagImage } from '../../../image/store.ts';
import type { CommandModule } from '../../command.ts';
import { taggable } from '../container/commit.ts';

export const tag: CommandModule = {
  name: 'image tag',
  summary: 'give an image another name',
  example: ['tsubo image tag web:v2 localhost:5000/web:v2'],
  failurePrefix: 'image tag failed: ',
  define(command) {
    command
      .argument('<image>', 'a name, an id or a prefix of an id')
      .argument('<reference>', 'the new name: NAME or NAME:TAG; an image that had it keeps its other names');
  },
  run({ runtime }, [image = '', name = '']) {
    tagImage(imageStore(runtime.binding), image, taggable(name));
    return 0;
  },
};

// SPDX-License-Identifier: Apache-2.0
import { imageStore } from '../../../image/blobs.ts';
import { pullImage } from '../../../image/online.ts';
import { formatPlatform, parsePlatform } from '../../../image/platform.ts';
import { formatReference, parseReference } from '../../../image/reference.ts';
import type { CommandModule } from '../../command.ts';

export const pull: CommandModule = {
  name: 'image pull',
  summary: 'download an image from its registry',
  example: [
    'tsubo image pull busybox',
    '# From another registry, for another processor:',
    'tsubo image pull --platform linux/arm64 localhost:5000/web:v1',
  ],
  failurePrefix: 'image pull failed: ',
  define(command) {
    command
      .argument(
        '<reference>',
        'NAME, NAME:TAG or NAME@DIGEST, with the registry in front unless it is docker.io',
      )
      .option('--platform <platform>', 'download the image for this platform, such as linux/arm64')
      .option('-q, --quiet', 'print only the name of the image');
  },
  run({ runtime, print }, [text = ''], options) {
    const store = imageStore(runtime.binding);
    const reference = parseReference(text);
    const quiet = options['quiet'] === true;
    const { platform } = options;
    const isTagMissing = reference.digest === undefined && !/:[^/]*$/.test(text);
    if (isTagMissing && !quiet) print('Using default tag: latest\n');
    const complete = formatReference(reference);
    pullImage(store, complete, {
      quiet,
      ...(typeof platform === 'string' && { platform: formatPlatform(parsePlatform(platform)) }),
    });
    print(`${complete}\n`);
    return 0;
  },
};

// SPDX-License-Identifier: Apache-2.0
import { addMount } from '../../../lifecycle/hot-mounts.ts';
import type { CommandModule } from '../../command.ts';
import { withContainer } from './named.ts';

export const add: CommandModule = {
  name: 'mount add',
  summary: 'show a file or a directory of the host, or a new file system, in a container',
  example: [
    'tsubo mount add web /srv/site /www ro,nosuid',
    'tsubo mount add --type tmpfs web tmpfs /cache size=64m',
  ],
  failurePrefix: 'mount add failed: ',
  define(command) {
    command
      .argument('<container-id>', 'a container that is created, running or paused')
      .argument('<source>', 'a path of the host, or a word for the file system')
      .argument('<target>', 'a path in the container; a missing one is made')
      .argument('[options...]', 'mount options as in config.json, also separated by commas')
      .option(
        '-t, --type <type>',
        'type of a new file system (default: bind, the source is a path of the host)',
      );
  },
  run(context, [container = '', source = '', target = '', ...words], options) {
    const { type } = options;
    const added = {
      source,
      target,
      ...(typeof type === 'string' && type !== '' && { type }),
      options: words.flatMap(word => word.split(',')).filter(word => word !== ''),
    };
    withContainer(context, container, id => addMount(context.runtime, id, added));
    return 0;
  },
};

// SPDX-License-Identifier: Apache-2.0
import { removeMount } from '../../../lifecycle/hot-mounts.ts';
import type { CommandModule } from '../../command.ts';
import { withContainer } from './named.ts';

export const rm: CommandModule = {
  name: 'mount rm',
  summary: 'remove a mount that was added to a container; files that are open there stay open',
  example: ['tsubo mount rm web /www'],
  failurePrefix: 'mount rm failed: ',
  define(command) {
    command
      .argument('<container-id>', 'a container that is created, running or paused')
      .argument('<target>', 'its path in the container, as in mount add')
      .option('-f, --force', 'remove it from the list although the container has removed or covered it');
  },
  run(context, [container = '', target = ''], options) {
    const force = options['force'] === true;
    withContainer(context, container, id => removeMount(context.runtime, id, target, force));
    return 0;
  },
};

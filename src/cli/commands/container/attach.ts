// SPDX-License-Identifier: Apache-2.0
import { requireUp } from '../../../direct/stop.ts';
import { findContainer } from '../../../direct/store.ts';
import type { CommandModule } from '../../command.ts';
import { directStore } from './common.ts';
import { attachRunning } from './foreground.ts';

export const attach: CommandModule = {
  name: 'container attach',
  summary: 'connect standard input, output and error with a running container',
  example: ['tsubo container attach web', 'tsubo container attach --no-stdin --detach-keys ctrl-a,d web'],
  shortOptionsCombine: true,
  define(command) {
    command
      .argument('<container>', 'a name, an id or a prefix of an id')
      .option('--no-stdin', 'do not pass standard input to the program')
      .option('--sig-proxy <switch>', 'pass signals to the program: true or false (default: true)')
      .option('--detach-keys <keys>', 'keys that leave the container running (default: ctrl-p,ctrl-q)');
  },
  run(context, [word = ''], options) {
    const store = directStore(context);
    const container = findContainer(store, word);
    requireUp(context.runtime, store, container, 'attach to');
    return attachRunning(context, store, container, {
      input: options['stdin'] !== false,
      detachKeys: options['detachKeys'],
      signals: options['sigProxy'] !== 'false',
    });
  },
};

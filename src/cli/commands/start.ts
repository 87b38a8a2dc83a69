// SPDX-License-Identifier: Apache-2.0
import { startContainer } from '../../lifecycle/start.ts';
import type { CommandModule } from '../command.ts';

export const start: CommandModule = {
  name: 'start',
  summary: 'run the program of a created container',
  example: ['tsubo start web'],
  define(command) {
    command.argument('<container-id>', 'a created container that was not started');
  },
  run({ runtime }, [id = '']) {
    startContainer(runtime, id);
    return 0;
  },
};

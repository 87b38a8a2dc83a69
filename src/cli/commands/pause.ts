// SPDX-License-Identifier: Apache-2.0
import { pauseContainer } from '../../lifecycle/pause.ts';
import type { CommandModule } from '../command.ts';

export const pause: CommandModule = {
  name: 'pause',
  summary: 'suspend all processes of a container',
  example: ['tsubo pause web', 'tsubo resume web'],
  define(command) {
    command.argument('<container-id>', 'a container that is created or running');
  },
  run({ runtime }, [id = '']) {
    pauseContainer(runtime, id);
    return 0;
  },
};

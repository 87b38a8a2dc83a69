// SPDX-License-Identifier: Apache-2.0
import { resumeContainer } from '../../lifecycle/pause.ts';
import type { CommandModule } from '../command.ts';

export const resume: CommandModule = {
  name: 'resume',
  summary: 'resume all processes of a paused container',
  example: ['tsubo resume web'],
  define(command) {
    command.argument('<container-id>', 'a container that is paused');
  },
  run({ runtime }, [id = '']) {
    resumeContainer(runtime, id);
    return 0;
  },
};

// SPDX-License-Identifier: Apache-2.0
import type { CommandGroup } from '../../command.ts';
import { add } from './add.ts';
import { ls } from './ls.ts';
import { rm } from './rm.ts';

export const mount: CommandGroup = {
  name: 'mount',
  summary: 'add mounts to a container that is created, running or paused, list and remove them',
  example: ['tsubo mount add web /srv/site /www ro', 'tsubo mount ls web', 'tsubo mount rm web /www'],
  commands: [add, ls, rm],
};

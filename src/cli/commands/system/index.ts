// SPDX-License-Identifier: Apache-2.0
import type { CommandGroup } from '../../command.ts';
import { boot, unit } from './boot.ts';
import { df } from './df.ts';
import { info } from './info.ts';
import { prune } from './prune.ts';

export const system: CommandGroup = {
  name: 'system',
  summary: 'show and free the space of images, containers and volumes, start containers with the machine',
  example: ['tsubo system df', 'tsubo system prune', 'tsubo system info'],
  commands: [df, prune, info, boot, unit],
};

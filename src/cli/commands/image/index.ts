// SPDX-License-Identifier: Apache-2.0
import type { CommandGroup } from '../../command.ts';
import { inspect } from './inspect.ts';
import { load } from './load.ts';
import { ls } from './ls.ts';
import { prune } from './prune.ts';
import { pull } from './pull.ts';
import { rm } from './rm.ts';
import { save } from './save.ts';

export const image: CommandGroup = {
  name: 'image',
  summary: 'pull, list, load, save and remove images',
  example: ['tsubo image pull busybox', 'tsubo image ls', 'tsubo image rm busybox'],
  commands: [pull, ls, inspect, rm, prune, load, save],
};

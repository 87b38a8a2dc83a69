// SPDX-License-Identifier: Apache-2.0
import type { CommandGroup } from '../../command.ts';
import { build } from './build.ts';
import { history } from './history.ts';
import { inspect } from './inspect.ts';
import { load } from './load.ts';
import { ls } from './ls.ts';
import { prune } from './prune.ts';
import { pull } from './pull.ts';
import { push } from './push.ts';
import { rm } from './rm.ts';
import { save } from './save.ts';
import { tag } from './tag.ts';

export const image: CommandGroup = {
  name: 'image',
  summary: 'build, pull, push, list, tag, load, save and remove images',
  example: ['tsubo image pull busybox', 'tsubo image ls', 'tsubo image rm busybox'],
  commands: [build, pull, push, ls, inspect, history, tag, rm, prune, load, save],
};

// SPDX-License-Identifier: Apache-2.0
import type { CommandGroup } from '../../command.ts';
import { create } from './create.ts';
import { inspect } from './inspect.ts';
import { ls } from './ls.ts';
import { prune, rm } from './rm.ts';

export const volume: CommandGroup = {
  name: 'volume',
  summary: 'make, list and remove directories that outlive containers',
  example: [
    'tsubo volume create data',
    'tsubo container run -v data:/var/lib/data busybox',
    'tsubo volume ls',
  ],
  commands: [create, ls, inspect, rm, prune],
};

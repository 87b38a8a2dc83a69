// SPDX-License-Identifier: Apache-2.0
import type { CommandGroup } from '../../command.ts';
import { allowForward } from './allow-forward.ts';
import { create } from './create.ts';
import { inspect } from './inspect.ts';
import { ls } from './ls.ts';
import { prune } from './prune.ts';
import { reload } from './reload.ts';
import { rm } from './rm.ts';

export const network: CommandGroup = {
  name: 'network',
  summary: 'make, list and remove the networks that containers are attached to',
  example: [
    'tsubo network create --subnet 10.20.0.0/24 web',
    'tsubo run --network web --bundle /containers/web web',
    'tsubo network ls --format json',
  ],
  commands: [create, ls, inspect, rm, prune, reload, allowForward],
};

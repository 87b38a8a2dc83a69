// SPDX-License-Identifier: Apache-2.0
import { parsePairs } from '../../../direct/request.ts';
import { anonymousName, makeVolume } from '../../../direct/volumes.ts';
import type { CommandModule } from '../../command.ts';
import { directStore } from '../container/common.ts';
import { listOf } from '../container/options.ts';

export const create: CommandModule = {
  name: 'volume create',
  summary: 'make a volume; one that exists stays as it is',
  example: ['tsubo volume create data', 'tsubo volume create --label purpose=backup data'],
  shortOptionsCombine: true,
  define(command) {
    command
      .argument('[name]', 'name of the volume (default: a random one)')
      .option('--label <pair...>', 'add a label');
  },
  run(context, [word], options) {
    const store = directStore(context);
    const name = word ?? anonymousName(store);
    makeVolume(store, name, {
      labels: parsePairs('--label', listOf(options, 'label')),
      anonymous: word === undefined,
    });
    context.print(`${name}\n`);
    return 0;
  },
};

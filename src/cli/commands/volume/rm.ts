// SPDX-License-Identifier: Apache-2.0
import { listContainers } from '../../../direct/store.ts';
import {
  listVolumes,
  removeUnusedVolume,
  removeVolume,
  sweepVolumes,
  usersOf,
} from '../../../direct/volumes.ts';
import type { CommandModule } from '../../command.ts';
import { directStore, failureOf } from '../container/common.ts';

export const rm: CommandModule = {
  name: 'volume rm',
  summary: 'remove volumes with their files, unless a container has them',
  example: ['tsubo volume rm data'],
  shortOptionsCombine: true,
  define(command) {
    command
      .argument('<volume...>', 'names of volumes')
      .option('-f, --force', 'ignore a volume that does not exist');
  },
  run(context, words, options) {
    const store = directStore(context);
    let status = 0;
    for (const word of words) {
      try {
        removeVolume(store, word);
      } catch (error) {
        const failure = failureOf(error);
        if (options['force'] !== true || failure.code !== 'direct.no-volume') {
          context.report(failure);
          status = 1;
          continue;
        }
      }
      context.print(`${word}\n`);
    }
    return status;
  },
};

export const prune: CommandModule = {
  name: 'volume prune',
  summary: 'remove anonymous volumes that no container has',
  example: ['tsubo volume prune', 'tsubo volume prune --all'],
  shortOptionsCombine: true,
  define(command) {
    command
      .option('-a, --all', 'remove named volumes, too')
      .option('-f, --force', 'accepted for scripts: prune never asks');
  },
  run(context, _args, options) {
    const store = directStore(context);
    sweepVolumes(store);
    const { containers, damaged } = listContainers(store);
    // A damaged container may have any volume.
    if (damaged[0] !== undefined) throw damaged[0];
    for (const { name, anonymous } of listVolumes(store)) {
      if ((!anonymous && options['all'] !== true) || usersOf(containers, name).length > 0) continue;
      if (removeUnusedVolume(store, name)) context.print(`${name}\n`);
    }
    return 0;
  },
};

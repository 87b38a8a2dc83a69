// SPDX-License-Identifier: Apache-2.0
import { findVolume, type InspectedVolume, inspectedVolume } from '../../../direct/volumes.ts';
import type { CommandModule } from '../../command.ts';
import { directStore, failureOf } from '../container/common.ts';

export const inspect: CommandModule = {
  name: 'volume inspect',
  summary: 'print volumes as JSON',
  example: ['tsubo volume inspect data'],
  define(command) {
    command.argument('<volume...>', 'names of volumes');
  },
  run(context, words) {
    const store = directStore(context);
    const found: InspectedVolume[] = [];
    let status = 0;
    for (const word of words) {
      try {
        found.push(inspectedVolume(store, findVolume(store, word)));
      } catch (error) {
        context.report(failureOf(error));
        status = 1;
      }
    }
    context.print(`${JSON.stringify(found, null, 4)}\n`);
    return status;
  },
};

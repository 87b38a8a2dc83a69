// SPDX-License-Identifier: Apache-2.0
import { removeNetwork } from '../../../lifecycle/network/manage.ts';
import type { CommandModule } from '../../command.ts';

export const rm: CommandModule = {
  name: 'network rm',
  summary: 'remove networks without containers',
  example: ['tsubo network rm web'],
  failurePrefix: 'network rm failed: ',
  define(command) {
    command.argument('<name...>', 'names of networks');
  },
  run({ runtime, print }, names) {
    for (const name of names) {
      removeNetwork(runtime, name);
      print(`${name}\n`);
    }
    return 0;
  },
};

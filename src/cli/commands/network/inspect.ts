// SPDX-License-Identifier: Apache-2.0
import { inspectNetwork } from '../../../lifecycle/network/manage.ts';
import type { CommandModule } from '../../command.ts';

export const inspect: CommandModule = {
  name: 'network inspect',
  summary: 'print the definition, the state and the containers of networks as JSON',
  example: ['tsubo network inspect default'],
  failurePrefix: 'network inspect failed: ',
  define(command) {
    command.argument('<name...>', 'names of networks');
  },
  run({ runtime, print }, names) {
    const views = names.map(name => inspectNetwork(runtime, name));
    print(`${JSON.stringify(views, null, 2)}\n`);
    return 0;
  },
};

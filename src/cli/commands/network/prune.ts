// SPDX-License-Identifier: Apache-2.0
import { pruneNetworks } from '../../../lifecycle/network/manage.ts';
import type { CommandModule } from '../../command.ts';

export const prune: CommandModule = {
  name: 'network prune',
  summary: 'remove all networks without containers, except the default one',
  example: ['tsubo network prune'],
  failurePrefix: 'network prune failed: ',
  define() {},
  run({ runtime, print }) {
    print(
      pruneNetworks(runtime)
        .map(name => `${name}\n`)
        .join(''),
    );
    return 0;
  },
};

// SPDX-License-Identifier: Apache-2.0
import { reloadNetworks } from '../../../lifecycle/network/manage.ts';
import type { CommandModule } from '../../command.ts';

export const reload: CommandModule = {
  name: 'network reload',
  summary: 'restore bridges and firewall rules that another program has removed',
  example: ['tsubo network reload'],
  failurePrefix: 'network reload failed: ',
  define() {},
  run({ runtime }) {
    reloadNetworks(runtime);
    return 0;
  },
};

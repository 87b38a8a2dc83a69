// SPDX-License-Identifier: Apache-2.0
import { allowForward as allow } from '../../../lifecycle/network/manage.ts';
import type { CommandModule } from '../../command.ts';

export const allowForward: CommandModule = {
  name: 'network allow-forward',
  summary: 'add rules to firewall chains of other programs that drop the packets of networks',
  example: ['tsubo network allow-forward'],
  failurePrefix: 'network allow-forward failed: ',
  define() {},
  run({ runtime, print }) {
    print(
      allow(runtime)
        .map(line => `${line}\n`)
        .join(''),
    );
    return 0;
  },
};

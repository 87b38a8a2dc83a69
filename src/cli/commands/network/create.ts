// SPDX-License-Identifier: Apache-2.0
import { createNetwork } from '../../../lifecycle/network/manage.ts';
import type { CommandModule } from '../../command.ts';
import { wholeNumber } from '../../options.ts';
import { listOf } from '../container/options.ts';

export const create: CommandModule = {
  name: 'network create',
  summary: 'define a network and make its bridge',
  example: ['tsubo network create --subnet 10.20.0.0/24 web', 'tsubo network create --internal backend'],
  failurePrefix: 'network create failed: ',
  define(command) {
    command
      .argument('<name>', 'the name of the new network')
      .option(
        '--subnet <subnet...>',
        'a subnet, such as 10.20.0.0/24; one of IPv4 and one of IPv6 (default: a free private one)',
      )
      .option('--gateway <address...>', 'the address of the bridge (default: the first of the subnet)')
      .option('--no-ipv6', 'without IPv6')
      .option('--mtu <bytes>', 'the MTU (default: that of the default route)', text =>
        wholeNumber('mtu', text),
      )
      .option('--bridge <name>', 'the name of the bridge (default: tsubo1, tsubo2, ...)')
      .option('--internal', 'no traffic leaves the network')
      .option('--isolated', 'its containers do not reach each other');
  },
  run({ runtime, print }, [name = ''], options) {
    const { mtu, bridge } = options;
    createNetwork(runtime, {
      name,
      subnets: listOf(options, 'subnet'),
      gateways: listOf(options, 'gateway'),
      ipv6: options['ipv6'] !== false,
      ...(typeof mtu === 'number' && { mtu }),
      ...(typeof bridge === 'string' && { bridge }),
      internal: options['internal'] === true,
      isolated: options['isolated'] === true,
    });
    print(`${name}\n`);
    return 0;
  },
};

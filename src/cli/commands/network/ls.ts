// SPDX-License-Identifier: Apache-2.0
import { listNetworks, type NetworkView } from '../../../lifecycle/network/manage.ts';
import type { CommandModule } from '../../command.ts';
import { tableText } from '../../listing.ts';
import { formatOf } from '../../options.ts';

export const ls: CommandModule = {
  name: 'network ls',
  summary: 'list the networks of this machine',
  example: ['tsubo network ls', 'tsubo network ls --format json'],
  failurePrefix: 'network ls failed: ',
  define(command) {
    command
      .option('-f, --format <format>', 'format of the output: table or json (default: table)')
      .option('-q, --quiet', 'print only the names');
  },
  run({ runtime, print, report }, _, options) {
    const format = formatOf(options, ['table', 'json']);
    const { networks, damaged } = listNetworks(runtime);
    for (const problem of damaged) report(problem);
    if (options['quiet'] === true) print(networks.map(({ name }) => `${name}\n`).join(''));
    else print(format === 'json' ? `${JSON.stringify(networks, null, 2)}\n` : table(networks));
    return 0;
  },
};

function table(networks: readonly NetworkView[]): string {
  return tableText([
    ['NAME', 'BRIDGE', 'STATE', 'IPV4', 'IPV6', 'CONTAINERS'],
    ...networks.map(({ name, bridge, state, ipv4, ipv6, containers }) => [
      name,
      bridge,
      state,
      ipv4.subnet,
      ipv6?.subnet ?? '-',
      String(containers.length),
    ]),
  ]);
}

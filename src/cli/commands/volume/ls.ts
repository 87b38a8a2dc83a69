// SPDX-License-Identifier: Apache-2.0
import { listContainers } from '../../../direct/store.ts';
import { listVolumes, usersOf, volumeData } from '../../../direct/volumes.ts';
import type { CommandModule } from '../../command.ts';
import { tableText } from '../../listing.ts';
import { formatOf } from '../../options.ts';
import { directStore } from '../container/common.ts';

export const ls: CommandModule = {
  name: 'volume ls',
  summary: 'list the volumes',
  example: ['tsubo volume ls', 'tsubo volume ls --dangling --quiet'],
  shortOptionsCombine: true,
  define(command) {
    command
      .option('-q, --quiet', 'print only the names')
      .option('--dangling', 'show volumes that no container has')
      .option('--format <format>', 'format of the output: table or json (default: table)');
  },
  run(context, _args, options) {
    const format = formatOf(options, ['table', 'json']);
    const store = directStore(context);
    const dangling = options['dangling'] === true;
    const containers = dangling ? listContainers(store).containers : [];
    const volumes = listVolumes(store).filter(
      ({ name }) => !dangling || usersOf(containers, name).length === 0,
    );
    if (options['quiet'] === true) context.print(volumes.map(({ name }) => `${name}\n`).join(''));
    else if (format === 'json') {
      const rows = volumes.map(({ name, labels }) => ({
        Driver: 'local',
        Labels: Object.entries(labels)
          .map(pair => pair.join('='))
          .join(','),
        Mountpoint: volumeData(store, name),
        Name: name,
        Scope: 'local',
      }));
      context.print(rows.map(row => `${JSON.stringify(row)}\n`).join(''));
    } else
      context.print(tableText([['DRIVER', 'VOLUME NAME'], ...volumes.map(({ name }) => ['local', name])]));
    return 0;
  },
};

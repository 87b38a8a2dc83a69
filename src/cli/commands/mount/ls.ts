// SPDX-License-Identifier: Apache-2.0
import { listMounts } from '../../../lifecycle/hot-mounts.ts';
import type { CommandModule } from '../../command.ts';
import { tableText } from '../../listing.ts';
import { formatOf } from '../../options.ts';
import { withContainer } from './named.ts';

export const ls: CommandModule = {
  name: 'mount ls',
  summary: 'list the mounts that were added to a container',
  example: ['tsubo mount ls web', 'tsubo mount ls --format json web'],
  failurePrefix: 'mount ls failed: ',
  define(command) {
    command
      .argument('<container-id>', 'a container')
      .option('-f, --format <format>', 'format of the output: table or json (default: table)');
  },
  run(context, [container = ''], options) {
    const { runtime, print } = context;
    const format = formatOf(options, ['table', 'json']);
    const mounts = withContainer(context, container, id => listMounts(runtime, id)).map(
      ({ identity: _, ...mount }) => mount,
    );
    if (format === 'json') print(`${JSON.stringify(mounts, null, 2)}\n`);
    else {
      print(
        tableText([
          ['TARGET', 'SOURCE', 'TYPE', 'OPTIONS'],
          ...mounts.map(({ target, source, type, options }) => [
            target,
            source,
            type,
            options.join(',') || '-',
          ]),
        ]),
      );
    }
    return 0;
  },
};

// SPDX-License-Identifier: Apache-2.0
import { diskUsage, type Usage } from '../../../build/disk-usage.ts';
import type { CommandModule } from '../../command.ts';
import { decimalSize, tableText } from '../../listing.ts';
import { formatOf } from '../../options.ts';
import { directStore } from '../container/common.ts';

export const df: CommandModule = {
  name: 'system df',
  summary: 'show the space that images, containers, volumes and the cache of builds occupy',
  example: ['tsubo system df', 'tsubo system df --format json'],
  define(command) {
    command.option('--format <format>', 'format of the output: table or json (default: table)');
  },
  run(context, _args, options) {
    const format = formatOf(options, ['table', 'json']);
    const usage = diskUsage(context.runtime, directStore(context));
    if (format === 'json') {
      context.print(`${JSON.stringify(usage, null, 2)}\n`);
      return 0;
    }
    const rows: [string, Usage][] = [
      ['Images', usage.images],
      ['Containers', usage.containers],
      ['Local Volumes', usage.volumes],
      ['Build Cache', usage.buildCache],
    ];
    context.print(
      tableText([
        ['TYPE', 'TOTAL', 'ACTIVE', 'SIZE', 'RECLAIMABLE'],
        ...rows.map(([name, { total, active, size, reclaimable }]) => [
          ...[name, String(total), String(active), decimalSize(size)],
          `${decimalSize(reclaimable)}${size === 0 ? '' : ` (${Math.round((reclaimable / size) * 100)}%)`}`,
        ]),
      ]),
    );
    return 0;
  },
};

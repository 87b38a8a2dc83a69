// SPDX-License-Identifier: Apache-2.0
import { parseLogTime, readLogs } from '../../../direct/logs.ts';
import { parseNumber } from '../../../direct/request.ts';
import { containerFiles, containerPath, findContainer } from '../../../direct/store.ts';
import type { CommandModule } from '../../command.ts';
import { directStore } from './common.ts';
import { textOf } from './options.ts';

export const logs: CommandModule = {
  name: 'container logs',
  summary: 'print the output of a container until now, or until its end',
  example: ['tsubo container logs web', 'tsubo container logs --follow --tail 20 --timestamps web'],
  shortOptionsCombine: true,
  define(command) {
    command
      .argument('<container>', 'a name, an id or a prefix of an id')
      .option('-f, --follow', 'print new output until the container ends')
      .option('-n, --tail <lines>', 'print only this number of lines at the end, or all (default: all)')
      .option('--since <time>', 'print output from this time on: a date, seconds since 1970, or 10m')
      .option('--until <time>', 'print output before this time')
      .option('-t, --timestamps', 'begin each line with its time');
  },
  run(context, [word = ''], options) {
    const { binding } = context.runtime;
    const store = directStore(context);
    const directory = containerPath(store, findContainer(store, word).id);
    const tail = textOf(options, 'tail') ?? 'all';
    const since = textOf(options, 'since');
    const until = textOf(options, 'until');
    const request = {
      follow: options['follow'] === true,
      ...(tail !== 'all' && { tail: parseNumber('--tail', tail, 0) }),
      ...(since !== undefined && { since: parseLogTime('since', since, binding.now()) }),
      ...(until !== undefined && { until: parseLogTime('until', until, binding.now()) }),
      timestamps: options['timestamps'] === true,
    };
    // Without a log, the container has never run.
    if (binding.stat(`${directory}/${containerFiles.log}`, true) === undefined) return 0;
    readLogs(binding, directory, request);
    return 0;
  },
};

// SPDX-License-Identifier: Apache-2.0
import { visible } from '../../errors/visible.ts';
import { containerProcesses, processTable } from '../../lifecycle/ps.ts';
import type { CommandModule } from '../command.ts';
import { formatOf } from '../options.ts';

export const ps: CommandModule = {
  name: 'ps',
  summary: 'list the processes of a container',
  example: ['tsubo ps web', 'tsubo ps web -o pid,user,comm', 'tsubo ps --format json web'],
  // The words after the id are options of ps(1).
  optionsFirst: true,
  define(command) {
    command
      .argument('<container-id>', 'a container that exists')
      .argument('[ps-options...]', 'options of ps(1) (default: -ef)')
      .option(
        '-f, --format <format>',
        'table, as ps(1) prints it, or json: the process ids (default: table)',
      );
  },
  run({ runtime, print }, [id = '', ...psOptions], options) {
    if (formatOf(options, ['table', 'json']) === 'json') {
      const pids = containerProcesses(runtime, id);
      // An empty list is printed as null, because Go encodes a nil slice that way.
      print(`${pids.length === 0 ? 'null' : JSON.stringify(pids)}\n`);
    } else {
      print(visible(processTable(runtime, id, psOptions)));
    }
    return 0;
  },
};

// SPDX-License-Identifier: Apache-2.0
import { Option } from 'commander';
import { updateContainer, updateFromDocument } from '../../lifecycle/update.ts';
import type { CommandModule } from '../command.ts';
import { optionSource, rdtOf, resourcesOf } from '../update-options.ts';

export const update: CommandModule = {
  name: 'update',
  summary: 'change the resource limits of a container',
  example: ['tsubo update --memory 512M --pids-limit 100 web', 'tsubo update --resources limits.json web'],
  define(command) {
    command
      .argument('<container-id>', 'a container that is created, running or paused')
      .option(
        '-r, --resources <file>',
        'a document like linux.resources of config.json (- for standard input); other options are then ignored',
      )
      .option('--memory <size>', 'memory limit, with a unit such as M or G; -1 for no limit')
      .option('--memory-reservation <size>', 'memory that is protected from reclaim')
      .option('--memory-swap <size>', 'limit of memory and swap together; -1 for unlimited swap')
      .option('--cpu-quota <us>', 'microseconds of CPU in each period; -1 for no limit')
      .option('--cpu-period <us>', 'length of the period in microseconds')
      .option('--cpu-burst <us>', 'unused microseconds that may be saved for a burst')
      .option('--cpu-share <number>', 'CPU weight relative to other containers: 2 to 262144')
      .option('--cpu-idle <0|1>', '1: run only when the CPU is otherwise idle')
      .option('--cpuset-cpus <list>', 'CPUs, such as 0-3,7')
      .option('--cpuset-mems <list>', 'memory nodes, such as 0-1')
      .option('--pids-limit <number>', 'limit of processes and threads; -1 for no limit')
      .option('--blkio-weight <number>', 'block I/O weight: 10 to 1000')
      .option('--l3-cache-schema <schema>', 'allocation of the L3 cache, such as L3:0=7f0;1=1f (resctrl)')
      .option('--mem-bw-schema <schema>', 'allocation of memory bandwidth, such as MB:0=20;1=70 (resctrl)');
    for (const hidden of [
      '--cpu-rt-period <us>',
      '--cpu-rt-runtime <us>',
      '--kernel-memory <size>',
      '--kernel-memory-tcp <size>',
    ]) {
      command.addOption(new Option(hidden).hideHelp());
    }
  },
  run({ runtime }, [id = ''], options) {
    const file = options['resources'];
    if (typeof file === 'string' && file !== '') updateFromDocument(runtime, id, file);
    else {
      const source = optionSource(options);
      updateContainer(runtime, id, resourcesOf(options), { rdt: rdtOf(options), source });
    }
    return 0;
  },
};

// SPDX-License-Identifier: Apache-2.0
import { parseBytes, parseCpus, parseMemory, parseNumber } from '../../../direct/request.ts';
import { parseRestart } from '../../../direct/restart.ts';
import { changeRestart } from '../../../direct/store.ts';
import { updateDirect } from '../../../direct/update.ts';
import { RuntimeError } from '../../../errors/error.ts';
import type { Resources } from '../../../oci/resources.ts';
import type { CommandModule } from '../../command.ts';
import { forEachContainer } from './common.ts';
import { textOf } from './options.ts';

export const update: CommandModule = {
  name: 'container update',
  summary: 'change resource limits and the restart policy of containers, also for later starts',
  example: [
    'tsubo container update --memory 512m --cpus 1.5 web',
    'tsubo container update --pids-limit 100 --restart unless-stopped web db',
  ],
  shortOptionsCombine: true,
  define(command) {
    command
      .argument('<container...>', 'names, ids or prefixes of ids')
      .option('-m, --memory <bytes>', 'limit the memory: 512m, 1g')
      .option('--memory-swap <bytes>', 'limit memory and swap together; -1: unlimited')
      .option('--memory-reservation <bytes>', 'protect this amount of memory')
      .option('--cpus <number>', 'limit the processor time to this number of processors')
      .option('-c, --cpu-shares <weight>', 'weight of the processor time, from 2 to 262144')
      .option('--cpuset-cpus <list>', 'run on these processors only: 0-2,4')
      .option('--pids-limit <number>', 'limit the number of processes; -1: unlimited')
      .option('--restart <policy>', 'start again after an end: no, on-failure[:N], always or unless-stopped');
  },
  run(context, words, options) {
    const resources = resourcesOf(options);
    const hasLimits = Object.keys(resources).length > 0;
    const restart = textOf(options, 'restart');
    const policy = restart === undefined ? undefined : parseRestart(restart);
    if (!hasLimits && restart === undefined) {
      throw new RuntimeError({
        code: 'usage.arguments',
        message: 'you must provide one or more flags when using this command',
        hint: 'write a limit, such as --memory 512m',
      });
    }
    return forEachContainer(context, words, (store, container) => {
      if (hasLimits) updateDirect(context.runtime, store, container, resources);
      if (restart !== undefined) changeRestart(store, container, policy === undefined ? undefined : restart);
    });
  },
};

function resourcesOf(options: Readonly<Record<string, unknown>>): Resources {
  const withText = <T>(name: string, read: (value: string) => T): T | undefined => {
    const value = textOf(options, name);
    return value === undefined ? undefined : read(value);
  };
  const limit = withText('memory', value => parseMemory('--memory', value));
  const swap = withText('memorySwap', value => (value === '-1' ? -1 : parseBytes('--memory-swap', value)));
  const reservation = withText('memoryReservation', value => parseBytes('--memory-reservation', value));
  const quota = withText('cpus', parseCpus);
  const shares = withText('cpuShares', value => parseNumber('--cpu-shares', value, 2));
  const cpus = textOf(options, 'cpusetCpus');
  const pids = withText('pidsLimit', value => parseNumber('--pids-limit', value, -1));
  const memory = {
    ...(limit !== undefined && { limit }),
    ...(swap !== undefined ? { swap } : limit !== undefined && { swap: limit * 2 }),
    ...(reservation !== undefined && { reservation }),
  };
  const cpu = {
    ...(quota !== undefined && { quota, period: 100_000 }),
    ...(shares !== undefined && { shares }),
    ...(cpus !== undefined && { cpus }),
  };
  return {
    ...(Object.keys(memory).length > 0 && { memory }),
    ...(Object.keys(cpu).length > 0 && { cpu }),
    ...(pids !== undefined && { pids: { limit: pids } }),
  };
}

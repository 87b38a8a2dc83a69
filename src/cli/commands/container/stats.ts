// SPDX-License-Identifier: Apache-2.0
import type { DirectContainer } from '../../../direct/container.ts';
import { shortId } from '../../../direct/names.ts';
import { isUp, stateOf } from '../../../direct/status.ts';
import { type DirectStore, findContainer, listContainers } from '../../../direct/store.ts';
import { isRuntimeError } from '../../../errors/error.ts';
import { containerStats } from '../../../lifecycle/events.ts';
import type { Runtime } from '../../../lifecycle/runtime.ts';
import type { ContainerStats } from '../../../oci/stats.ts';
import type { CommandModule, Context } from '../../command.ts';
import { binarySize, tableText } from '../../listing.ts';
import { formatOf } from '../../options.ts';
import { directStore } from './common.ts';

const intervalMs = 1000;

export const stats: CommandModule = {
  name: 'container stats',
  summary: 'show the resource use of containers, every second',
  example: ['tsubo container stats', 'tsubo container stats --no-stream --format json web'],
  shortOptionsCombine: true,
  define(command) {
    command
      .argument('[container...]', 'names, ids or prefixes of ids (default: all that run)')
      .option('--no-stream', 'print one table and end')
      .option('--format <format>', 'format of the output: table or json (default: table)');
  },
  run(context, words, options) {
    const { runtime, print } = context;
    const { binding } = runtime;
    const store = directStore(context);
    const format = formatOf(options, ['table', 'json']);
    const isStream = options['stream'] !== false;
    let before = sample(context, store, words);
    for (;;) {
      binding.sleepMs(intervalMs);
      const after = sample(context, store, words);
      const rows = [...after.values()].map(one => rowOf(one, before.get(one.container.id)));
      if (format === 'json') print(rows.map(row => `${JSON.stringify(row)}\n`).join(''));
      else {
        // A terminal shows only the newest table.
        const clear = isStream && binding.isTerminal(1) ? '\x1b[H\x1b[J' : '';
        print(clear + tableOf(rows));
      }
      if (!isStream || (words.length > 0 && rows.length === 0)) return 0;
      before = after;
    }
  },
};

interface Sample {
  readonly container: DirectContainer;
  readonly stats: ContainerStats;
  /** Nanoseconds. */
  readonly at: bigint;
}

function sample({ runtime }: Context, store: DirectStore, words: readonly string[]): Map<string, Sample> {
  const containers =
    words.length === 0
      ? listContainers(store).containers.filter(one => isUp(stateOf(runtime, store, one)))
      : words.map(word => findContainer(store, word));
  return new Map(
    containers.flatMap(container => {
      const stats = statsOf(runtime, container.id);
      return stats === undefined
        ? []
        : [[container.id, { container, stats, at: runtime.binding.now() }] as const];
    }),
  );
}

/** Returns undefined for a container that does not run, or has ended meanwhile. */
function statsOf(runtime: Runtime, id: string): ContainerStats | undefined {
  try {
    return containerStats(runtime, id);
  } catch (error) {
    const ended = ['state.not-found', 'state.not-running', 'state.cgroup-gone'];
    if (isRuntimeError(error) && ended.includes(error.code)) return undefined;
    throw error;
  }
}

interface StatsRow {
  readonly ID: string;
  readonly Name: string;
  readonly CPUPerc: string;
  readonly MemUsage: string;
  readonly MemPerc: string;
  readonly PIDs: string;
}

function rowOf({ container, stats: now, at }: Sample, before: Sample | undefined): StatsRow {
  const total = (of: ContainerStats) => Number(of.cpu.usage.total ?? 0);
  const elapsed = before === undefined ? 0 : Number(at - before.at);
  const busy = before === undefined || elapsed === 0 ? 0 : (total(now) - total(before.stats)) / elapsed;
  const usage = Number(now.memory.usage.usage ?? 0);
  const limit = Number(now.memory.usage.limit);
  const isLimited = limit > 0 && limit < Number.MAX_SAFE_INTEGER;
  return {
    ID: shortId(container.id),
    Name: container.name,
    CPUPerc: `${(Math.max(0, busy) * 100).toFixed(2)}%`,
    MemUsage: `${binarySize(usage)} / ${isLimited ? binarySize(limit) : 'unlimited'}`,
    MemPerc: isLimited ? `${((usage / limit) * 100).toFixed(2)}%` : '--',
    PIDs: String(now.pids.current ?? 0),
  };
}

function tableOf(rows: readonly StatsRow[]): string {
  return tableText([
    ['CONTAINER ID', 'NAME', 'CPU %', 'MEM USAGE / LIMIT', 'MEM %', 'PIDS'],
    ...rows.map(({ ID, Name, CPUPerc, MemUsage, MemPerc, PIDs }) => [
      ID,
      Name,
      CPUPerc,
      MemUsage,
      MemPerc,
      PIDs,
    ]),
  ]);
}

// SPDX-License-Identifier: Apache-2.0
import { parsePruneFilters } from '../../../direct/prune-filter.ts';
import { removeDirect } from '../../../direct/remove.ts';
import { waitsForRestart } from '../../../direct/restart.ts';
import { isUp, stateOf } from '../../../direct/status.ts';
import { findId, listContainers, sweep } from '../../../direct/store.ts';
import type { CommandModule } from '../../command.ts';
import { directStore, failureOf } from './common.ts';
import { listOf } from './options.ts';

export const rm: CommandModule = {
  name: 'container rm',
  summary: 'remove containers, with their changes and their logs',
  example: ['tsubo container rm web', 'tsubo container rm --force --volumes web db'],
  shortOptionsCombine: true,
  define(command) {
    command
      .argument('<container...>', 'names, ids or prefixes of ids')
      .option(
        '-f, --force',
        'kill a running container; a container that does not exist does not change the exit status',
      )
      .option('-v, --volumes', 'remove the anonymous volumes of the container, too');
  },
  run(context, words, options) {
    const { runtime, print, report } = context;
    const store = directStore(context);
    const force = options['force'] === true;
    sweep(store);
    let status = 0;
    for (const word of words) {
      try {
        removeDirect(runtime, store, findId(store, word), { force, volumes: options['volumes'] === true });
        print(`${word}\n`);
      } catch (error) {
        const failure = failureOf(error);
        report(failure);
        // As in Docker: the container is gone, as requested.
        if (!force || failure.code !== 'direct.no-container') status = 1;
      }
    }
    return status;
  },
};

export const prune: CommandModule = {
  name: 'container prune',
  summary: 'remove all containers that do not run',
  example: ['tsubo container prune', 'tsubo container prune --filter until=24h --filter label=job'],
  shortOptionsCombine: true,
  define(command) {
    command
      .option('--filter <filter...>', 'remove only those with until= (created before), label= or label!=')
      .option('-f, --force', 'accepted for scripts: prune never asks');
  },
  run(context, _args, options) {
    const { runtime, print, report } = context;
    const isWanted = parsePruneFilters(listOf(options, 'filter'), runtime.binding.now());
    const store = directStore(context);
    sweep(store);
    const { containers, damaged } = listContainers(store);
    for (const problem of damaged) report(problem);
    for (const container of containers) {
      const state = stateOf(runtime, store, container);
      if (state.problem !== undefined) report(state.problem);
      if (isUp(state) || waitsForRestart(store, container) || !isWanted(container)) continue;
      removeDirect(runtime, store, container.id, { force: false, volumes: false });
      print(`${container.id}\n`);
    }
    return 0;
  },
};

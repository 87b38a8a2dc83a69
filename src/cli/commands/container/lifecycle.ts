// SPDX-License-Identifier: Apache-2.0

import { waitExit } from '../../../direct/exit-status.ts';
import { parseNumber } from '../../../direct/request.ts';
import { restartDirect } from '../../../direct/start.ts';
import { isUp, stateOf } from '../../../direct/status.ts';
import { killDirect, requireUp, stopDirect, waitEnd } from '../../../direct/stop.ts';
import { containerPath } from '../../../direct/store.ts';
import { pauseContainer, resumeContainer } from '../../../lifecycle/pause.ts';
import { signalNumber } from '../../../lifecycle/signals.ts';
import type { CommandModule } from '../../command.ts';
import { forEachContainer } from './common.ts';
import { textOf } from './options.ts';

const timeHelp = 'seconds to wait before the container is killed; -1 waits without a limit';
const containers = 'names, ids or prefixes of ids';

export const stop: CommandModule = {
  name: 'container stop',
  summary: 'ask the programs of containers to end, and kill them after a time',
  example: ['tsubo container stop web', 'tsubo container stop --time 30 web db'],
  shortOptionsCombine: true,
  define(command) {
    command
      .argument('<container...>', containers)
      .option('-t, --time <seconds>', timeHelp)
      .option('-s, --signal <signal>', "signal in place of the container's own");
  },
  run(context, words, options) {
    const seconds = secondsOf(options);
    const signal = textOf(options, 'signal');
    const number = signal === undefined ? undefined : signalNumber(signal);
    return forEachContainer(context, words, (store, container) => {
      const stopSignal = number ?? container.stopSignal;
      stopDirect(context.runtime, store, { ...container, stopSignal }, seconds ?? container.stopTimeout);
    });
  },
};

export const kill: CommandModule = {
  name: 'container kill',
  summary: 'send a signal to the programs of containers, SIGKILL by default',
  example: ['tsubo container kill web', 'tsubo container kill --signal HUP web'],
  shortOptionsCombine: true,
  define(command) {
    command
      .argument('<container...>', containers)
      .option('-s, --signal <signal>', 'the signal: KILL, HUP, 9 (default: KILL)');
  },
  run(context, words, options) {
    const number = signalNumber(textOf(options, 'signal') ?? 'KILL');
    return forEachContainer(context, words, (store, container) => {
      killDirect(context.runtime, store, container, number);
    });
  },
};

export const restart: CommandModule = {
  name: 'container restart',
  summary: 'stop containers and start them again, with their changes',
  example: ['tsubo container restart web'],
  shortOptionsCombine: true,
  define(command) {
    command.argument('<container...>', containers).option('-t, --time <seconds>', timeHelp);
  },
  run(context, words, options) {
    const seconds = secondsOf(options);
    return forEachContainer(context, words, (store, container) => {
      restartDirect(context.runtime, store, container, seconds ?? container.stopTimeout);
    });
  },
};

/** Value of `--time`. */
function secondsOf(options: Readonly<Record<string, unknown>>): number | undefined {
  const time = textOf(options, 'time');
  return time === undefined ? undefined : parseNumber('--time', time, -1);
}

export const wait: CommandModule = {
  name: 'container wait',
  summary: 'wait until containers have ended, and print their exit statuses',
  example: ['tsubo container wait job'],
  define(command) {
    command.argument('<container...>', containers);
  },
  run(context, words) {
    const { runtime, print } = context;
    return forEachContainer({ ...context, print: () => {} }, words, (store, container) => {
      const directory = containerPath(store, container.id);
      const state = stateOf(runtime, store, container);
      if (isUp(state)) {
        const exit = waitExit(runtime.binding, directory);
        waitEnd(runtime, store, container, -1);
        print(`${exit?.status ?? 0}\n`);
      } else print(`${state.exit?.status ?? 0}\n`);
    });
  },
};

export const pause: CommandModule = freezeCommand('pause');
export const unpause: CommandModule = freezeCommand('unpause');

function freezeCommand(word: 'pause' | 'unpause'): CommandModule {
  return {
    name: `container ${word}`,
    summary:
      word === 'pause' ? 'suspend all processes of containers' : 'resume the processes of paused containers',
    example: [`tsubo container ${word} web`],
    define(command) {
      command.argument('<container...>', containers);
    },
    run(context, words) {
      return forEachContainer(context, words, (store, container) => {
        requireUp(context.runtime, store, container, word);
        if (word === 'pause') pauseContainer(context.runtime, container.id);
        else resumeContainer(context.runtime, container.id);
      });
    },
  };
}

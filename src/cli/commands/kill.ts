// SPDX-License-Identifier: Apache-2.0
import { Option } from 'commander';
import { RuntimeError } from '../../errors/error.ts';
import { killContainer } from '../../lifecycle/kill.ts';
import { signalNumber } from '../../lifecycle/signals.ts';
import type { CommandModule } from '../command.ts';

export const kill: CommandModule = {
  name: 'kill',
  summary: "send a signal to the container's init process",
  example: ['tsubo kill web', 'tsubo kill web KILL'],
  // So that `kill web -9` does not read -9 as an option: it is a signal that does not exist.
  optionsFirst: true,
  define(command) {
    command
      .argument('<container-id>', 'a container that is created, running or paused')
      .argument('[signal]', 'a number, or a name such as TERM, SIGKILL, hup (default: TERM)')
      // Engines pass it still; all it does is to make a container that has ended no failure.
      .addOption(new Option('-a, --all', 'succeed also when the container has ended').hideHelp());
  },
  run({ runtime }, [id = '', signal = 'TERM'], options) {
    // As with runc, an empty one is the default.
    const number = signalNumber(signal || 'TERM');
    try {
      killContainer(runtime, id, number);
    } catch (error) {
      const ended = error instanceof RuntimeError && error.code === 'state.not-running';
      if (!ended || options['all'] !== true) throw error;
    }
    return 0;
  },
};

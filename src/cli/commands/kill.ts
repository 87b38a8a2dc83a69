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
  // Makes `kill web -9` an invalid signal instead of an unknown option.
  optionsFirst: true,
  define(command) {
    command
      .argument('<container-id>', 'a container that is created, running or paused')
      .argument('[signal]', 'a number, or a name such as TERM, SIGKILL, hup (default: TERM)')
      // Engines still pass it. Its only effect: a container that has exited is not an error.
      .addOption(new Option('-a, --all', 'succeed also if the container has exited').hideHelp());
  },
  run({ runtime }, [id = '', signal = 'TERM'], options) {
    // An empty signal means the default, like in runc.
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

// SPDX-License-Identifier: Apache-2.0
import { containerState } from '../../lifecycle/state.ts';
import type { CommandModule } from '../command.ts';
import { goJson } from '../go-json.ts';

const standardOutput = 1;

export const state: CommandModule = {
  name: 'state',
  summary: 'print the state of a container as JSON',
  example: ['tsubo state web'],
  define(command) {
    command.argument('<container-id>', 'a container that exists');
  },
  run({ runtime, print }, [id = '']) {
    // Without a final newline unless on a terminal, like runc: engines and their tests compare bytes.
    const end = runtime.binding.isTerminal(standardOutput) ? '\n' : '';
    print(`${goJson(containerState(runtime, id), '  ')}${end}`);
    return 0;
  },
};

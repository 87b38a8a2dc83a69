// SPDX-License-Identifier: Apache-2.0
import { containerState } from '../../lifecycle/state.ts';
import type { CommandModule } from '../command.ts';
import { goJson } from '../go-json.ts';

export const state: CommandModule = {
  name: 'state',
  summary: 'print the state of a container as JSON',
  example: ['tsubo state web'],
  define(command) {
    command.argument('<container-id>', 'a container that exists');
  },
  run({ runtime, print }, [id = '']) {
    // No newline at the end: engines and their tests compare bytes.
    print(goJson(containerState(runtime, id), '  '));
    return 0;
  },
};

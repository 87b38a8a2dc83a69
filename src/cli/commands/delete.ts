// SPDX-License-Identifier: Apache-2.0
import { deleteContainer } from '../../lifecycle/delete.ts';
import type { CommandModule } from '../command.ts';

export const deleteCommand: CommandModule = {
  name: 'delete',
  summary: 'remove what is left of a container that has ended',
  example: [
    'tsubo delete web',
    '# Whatever state it is in, also when its create was killed half-way:',
    'tsubo delete --force web',
  ],
  define(command) {
    command
      .argument('<container-id>', 'a container that is stopped, or created and not started')
      .option('-f, --force', 'kill it first if it runs; no failure when there is none of that id');
  },
  run({ runtime }, [id = ''], options) {
    deleteContainer(runtime, id, { force: options['force'] === true });
    return 0;
  },
};

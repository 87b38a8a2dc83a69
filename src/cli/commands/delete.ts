// SPDX-License-Identifier: Apache-2.0
import { Option } from 'commander';
import { deleteContainer } from '../../lifecycle/delete.ts';
import type { CommandModule } from '../command.ts';

export const deleteCommand: CommandModule = {
  name: 'delete',
  summary: 'delete a container that has exited, and all that belongs to it',
  example: ['tsubo delete web', '# In any state, even if its create was killed:', 'tsubo delete --force web'],
  define(command) {
    command
      .argument('<container-id>', 'a container that is stopped, or created and not started')
      .option('-f, --force', 'kill a running container first; succeed if the container does not exist')
      // For the library: only the container with this init, not a later one with the same id.
      .addOption(new Option('--only-init <pid:start-time>', '').hideHelp());
  },
  run({ runtime }, [id = ''], options) {
    const [pid, startTime] = String(options['onlyInit'] ?? '').split(':');
    deleteContainer(runtime, id, {
      force: options['force'] === true,
      ...(startTime !== undefined && { only: { pid: Number(pid), startTime: Number(startTime) } }),
    });
    return 0;
  },
};

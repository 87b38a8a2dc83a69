// SPDX-License-Identifier: Apache-2.0
import { Option } from 'commander';
import { RuntimeError } from '../../errors/error.ts';
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
    const only = options['onlyInit'];
    deleteContainer(runtime, id, {
      force: options['force'] === true,
      ...(typeof only === 'string' && { only: initOf(only) }),
    });
    return 0;
  },
};

function initOf(text: string): { readonly pid: number; readonly startTime: number } {
  const [, pid, startTime] = /^(\d{1,10}):(\d{1,15})$/.exec(text) ?? [];
  if (pid !== undefined && startTime !== undefined) return { pid: Number(pid), startTime: Number(startTime) };
  throw new RuntimeError({
    code: 'usage.bad-value',
    message: `invalid value ${JSON.stringify(text)} for --only-init`,
    value: text,
    hint: 'it is the pid of the init, a colon and its start time',
  });
}

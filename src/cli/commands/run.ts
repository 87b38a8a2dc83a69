// SPDX-License-Identifier: Apache-2.0
import { runContainer } from '../../lifecycle/run.ts';
import type { CommandModule } from '../command.ts';
import { createOptions, defineCreateOptions } from '../options.ts';

export const run: CommandModule = {
  name: 'run',
  summary: 'create and start a container, wait for its end and delete it',
  example: ['tsubo run --bundle /containers/web web', 'echo "it ended with status $?"'],
  failurePrefix: 'run failed: ',
  foreignOptions: {
    i: 'standard input is always passed on',
    interactive: 'standard input is always passed on',
    t: 'process.terminal in config.json asks for a terminal',
    tty: 'process.terminal in config.json asks for a terminal',
    rm: 'run deletes the container when it has ended, unless --keep is given',
    name: 'the argument is the name',
  },
  define(command) {
    command.argument('<container-id>', 'your name for it, not in use yet: letters, digits and _ + . -');
    defineCreateOptions(command);
    command
      .option('-d, --detach', 'return when the program runs; the container stays until it is deleted')
      .option('--keep', 'do not delete the container when it has ended')
      .option('--no-subreaper', 'leave orphans of the container to the reaper above');
  },
  run({ runtime }, [id = ''], options) {
    return runContainer(runtime, {
      ...createOptions(id, options),
      detach: options['detach'] === true,
      keep: options['keep'] === true,
      noSubreaper: options['subreaper'] === false,
    });
  },
};

// SPDX-License-Identifier: Apache-2.0
import { runContainer } from '../../lifecycle/run.ts';
import type { CommandModule } from '../command.ts';
import { createOptions, defineCreateOptions } from '../options.ts';

export const run: CommandModule = {
  name: 'run',
  summary: 'create and start a container, wait until it exits, and delete it',
  example: ['tsubo run --bundle /containers/web web', 'echo "exit status $?"'],
  failurePrefix: 'run failed: ',
  foreignOptions: {
    i: 'standard input is always passed to the program',
    interactive: 'standard input is always passed to the program',
    t: 'set process.terminal in config.json for a terminal',
    tty: 'set process.terminal in config.json for a terminal',
    rm: 'run deletes the container after its exit, unless --keep is given',
    name: 'the argument is the name of the container',
  },
  define(command) {
    command.argument('<container-id>', 'a new name for the container: letters, digits and _ + . -');
    defineCreateOptions(command);
    command
      .option('-d, --detach', 'return as soon as the program runs; the container stays until it is deleted')
      .option('--keep', 'do not delete the container after its exit')
      .option(
        '--no-subreaper',
        'do not adopt orphaned processes of the container (see PR_SET_CHILD_SUBREAPER)',
      );
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

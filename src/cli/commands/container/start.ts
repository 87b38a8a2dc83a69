// SPDX-License-Identifier: Apache-2.0
import { Option } from 'commander';
import { restartAfterEnd } from '../../../direct/restart.ts';
import { startDirect } from '../../../direct/start.ts';
import { findContainer } from '../../../direct/store.ts';
import { RuntimeError } from '../../../errors/error.ts';
import type { CommandModule } from '../../command.ts';
import { directStore, forEachContainer } from './common.ts';
import { runAttached } from './foreground.ts';

export const start: CommandModule = {
  name: 'container start',
  summary: 'start containers that do not run, with the changes of their earlier runs',
  example: ['tsubo container start web', 'tsubo container start --attach --interactive job'],
  shortOptionsCombine: true,
  define(command) {
    command
      .argument('<container...>', 'names, ids or prefixes of ids')
      .option('-a, --attach', 'show the output, pass on signals, and wait for the end')
      .option('-i, --interactive', 'with --attach: pass standard input to the program')
      .addOption(new Option('--after-end', '').hideHelp())
      .option('--detach-keys <keys>', 'keys that leave the container running (default: ctrl-p,ctrl-q)');
  },
  run(context, words, options) {
    if (options['afterEnd'] === true) {
      // The keeper calls this after the end of a container with --restart.
      restartAfterEnd(context.runtime, directStore(context), words[0] ?? '');
      return 0;
    }
    const interactive = options['interactive'] === true;
    if (options['attach'] !== true && !interactive) {
      return forEachContainer(context, words, (store, container) => {
        startDirect(context.runtime, store, container);
      });
    }
    const [word = '', ...more] = words;
    if (more.length > 0) {
      throw new RuntimeError({
        code: 'usage.arguments',
        message: 'you cannot start and attach multiple containers at once',
        value: more.join(' '),
      });
    }
    const store = directStore(context);
    return runAttached(context, store, findContainer(store, word), {
      input: interactive,
      detachKeys: options['detachKeys'],
    });
  },
};

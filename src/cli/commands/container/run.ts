// SPDX-License-Identifier: Apache-2.0

import { programStatus } from '../../../direct/program-status.ts';
import { removeDirect } from '../../../direct/remove.ts';
import { parseRestart } from '../../../direct/restart.ts';
import { startDirect } from '../../../direct/start.ts';
import { RuntimeError } from '../../../errors/error.ts';
import { toRuntimeError } from '../../../errors/system.ts';
import type { CommandModule } from '../../command.ts';
import { directStore } from './common.ts';
import { createOf } from './create.ts';
import { runAttached } from './foreground.ts';
import { defineRequest, textOf, unsupportedOptions } from './options.ts';

export const run: CommandModule = {
  name: 'container run',
  summary: 'make a container of an image and run its program',
  example: [
    'tsubo container run --rm busybox echo hello',
    'tsubo container run --rm -it busybox sh',
    'tsubo container run -d --name web -p 8800:80 -v /srv/www:/usr/local/apache2/htdocs:ro httpd',
  ],
  optionsFirst: true,
  shortOptionsCombine: true,
  failureStatus: 125,
  foreignOptions: unsupportedOptions,
  define(command) {
    command
      .argument('<image>', 'name or id of an image; a missing one is pulled')
      .argument('[command...]', "replaces the image's command or arguments")
      .option('-d, --detach', 'print the id and return while the program runs')
      .option('--detach-keys <keys>', 'keys that leave the container running (default: ctrl-p,ctrl-q)');
    defineRequest(command);
  },
  run(context, [image = '', ...args], options) {
    const { runtime } = context;
    const store = directStore(context);
    if (options['detach'] !== true && parseRestart(textOf(options, 'restart') ?? 'no') !== undefined) {
      throw new RuntimeError({
        code: 'usage.bad-value',
        message: '--restart needs --detach',
        value: textOf(options, 'restart'),
        hint: 'the command ends with the first run: use -d, and tsubo container logs -f',
      });
    }
    const container = createOf(context, image, args, options, true);
    try {
      if (options['detach'] !== true) {
        return runAttached(context, store, container, {
          input: container.openStdin,
          detachKeys: options['detachKeys'],
        });
      }
      startDirect(runtime, store, container);
      context.print(`${container.id}\n`);
      return 0;
    } catch (error) {
      const failure = toRuntimeError(error);
      if (container.remove) removeDirect(runtime, store, container.id, { force: true, volumes: true });
      const status = programStatus(failure);
      if (status === undefined) throw failure;
      context.report(failure);
      return status;
    }
  },
};

// SPDX-License-Identifier: Apache-2.0
import { createContainer } from '../../lifecycle/create.ts';
import type { CommandModule } from '../command.ts';
import { createOptions, defineCreateOptions } from '../options.ts';

export const create: CommandModule = {
  name: 'create',
  summary: 'create a container; its program waits for start',
  example: ['tsubo create --bundle /containers/web --pid-file /run/web.pid web', 'tsubo start web'],
  failurePrefix: 'create failed: ',
  define(command) {
    command.argument('<container-id>', 'a new name for the container: letters, digits and _ + . -');
    defineCreateOptions(command);
  },
  run({ runtime }, [id = ''], options) {
    const { pidfd } = createContainer(runtime, createOptions(id, options));
    runtime.binding.close(pidfd);
    return 0;
  },
};

// SPDX-License-Identifier: Apache-2.0
import { type CopyEnd, copyDirect } from '../../../direct/cp.ts';
import { type DirectStore, findContainer } from '../../../direct/store.ts';
import { RuntimeError } from '../../../errors/error.ts';
import type { CommandModule } from '../../command.ts';
import { directStore } from './common.ts';

export const cp: CommandModule = {
  name: 'container cp',
  summary: 'copy files between a container and the host; the container may be stopped',
  example: ['tsubo container cp web:/etc/httpd.conf .', 'tsubo container cp site/. web:/srv/www'],
  shortOptionsCombine: true,
  define(command) {
    command
      .argument('<from>', 'CONTAINER:PATH, or a path of the host; PATH/. is the content of a directory')
      .argument('<to>', 'the same; a directory gets the copy, another path is its name');
  },
  run(context, [from = '', to = '']) {
    const store = directStore(context);
    const source = endOf(store, from);
    const target = endOf(store, to);
    if ((source.container === undefined) === (target.container === undefined)) {
      throw new RuntimeError({
        code: 'usage.arguments',
        message:
          source.container === undefined
            ? 'must specify at least one container source'
            : 'copying between containers is not supported',
        hint: 'write CONTAINER:PATH for one of the two',
      });
    }
    if (source.path === '-' || target.path === '-') {
      throw new RuntimeError({
        code: 'usage.arguments',
        message: 'an archive on standard input or output is not supported',
        hint: 'use tsubo container exec web tar -c -C / etc',
      });
    }
    copyDirect(context.runtime, store, source, target);
    return 0;
  },
};

/** A path of the host with a colon begins with `/` or `.`. */
function endOf(store: DirectStore, text: string): CopyEnd {
  const [, name, path] = /^([^:/.][^:/]*):(.*)$/s.exec(text) ?? [];
  if (name === undefined || path === undefined) return { path: text };
  return { container: findContainer(store, name), path };
}

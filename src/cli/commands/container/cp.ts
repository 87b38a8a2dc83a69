// SPDX-License-Identifier: Apache-2.0
import { type CopyEnd, copyDirect } from '../../../direct/cp.ts';
import { copyFromArchive, copyToArchive } from '../../../direct/cp-archive.ts';
import { type DirectStore, findContainer } from '../../../direct/store.ts';
import { RuntimeError } from '../../../errors/error.ts';
import type { CommandModule } from '../../command.ts';
import { directStore } from './common.ts';

const standardInput = 0;
const standardOutput = 1;

export const cp: CommandModule = {
  name: 'container cp',
  summary: 'copy files between a container and the host; the container may be stopped',
  example: [
    'tsubo container cp web:/etc/httpd.conf .',
    'tsubo container cp site/. web:/srv/www',
    'tsubo container cp web:/srv/www - >www.tar',
  ],
  shortOptionsCombine: true,
  define(command) {
    command
      .argument(
        '<from>',
        'CONTAINER:PATH, or a path of the host; PATH/. is the content of a directory; - is an archive on standard input',
      )
      .argument(
        '<to>',
        'CONTAINER:PATH, or a path of the host: a directory for the copy, or its new name; - is an archive on standard output',
      );
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
    const { runtime } = context;
    if (target.container !== undefined && source.path === '-') {
      copyFromArchive(runtime, store, standardInput, { ...target, container: target.container });
    } else if (source.container !== undefined && target.path === '-') {
      copyToArchive(runtime, store, { ...source, container: source.container }, standardOutput);
    } else copyDirect(runtime, store, source, target);
    return 0;
  },
};

/** A path of the host with a colon in its first component must begin with `/` or `.`. */
function endOf(store: DirectStore, text: string): CopyEnd {
  const [, name, path] = /^([^:/.][^:/]*):(.*)$/s.exec(text) ?? [];
  if (name === undefined || path === undefined) return { path: text };
  return { container: findContainer(store, name), path };
}

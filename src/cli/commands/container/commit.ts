// SPDX-License-Identifier: Apache-2.0
import { commitDirect, diffDirect } from '../../../build/commit.ts';
import { findContainer } from '../../../direct/store.ts';
import { RuntimeError } from '../../../errors/error.ts';
import { formatReference, parseReference } from '../../../image/reference.ts';
import type { CommandModule } from '../../command.ts';
import { directStore } from './common.ts';
import { listOf, textOf } from './options.ts';

export const commit: CommandModule = {
  name: 'container commit',
  summary: 'make an image of a container and its changes',
  example: [
    'tsubo container commit web web:fixed',
    `tsubo container commit --change 'CMD ["httpd", "-f"]' --message "add the site" web web:v2`,
  ],
  shortOptionsCombine: true,
  define(command) {
    command
      .argument('<container>', 'a name, an id or a prefix of an id')
      .argument('[reference]', 'name of the image: NAME or NAME:TAG')
      .option('-a, --author <author>', 'author of the image')
      .option('-c, --change <instruction...>', "change the image's config: CMD, ENV, EXPOSE, LABEL, USER ...")
      .option('-m, --message <text>', 'comment in the history of the image')
      .option('--pause <switch>', 'false: do not suspend the container meanwhile (default: true)');
  },
  run(context, [word = '', name], options) {
    const store = directStore(context);
    const id = commitDirect(context.runtime, store, findContainer(store, word), {
      reference: name === undefined ? undefined : taggable(name),
      author: textOf(options, 'author') ?? '',
      message: textOf(options, 'message') ?? '',
      changes: listOf(options, 'change'),
      pause: switchOf(textOf(options, 'pause') ?? 'true'),
    });
    context.print(`${id}\n`);
    return 0;
  },
};

export const diff: CommandModule = {
  name: 'container diff',
  summary: 'list the files that a container has added (A), changed (C) and deleted (D)',
  example: ['tsubo container diff web'],
  define(command) {
    command.argument('<container>', 'a name, an id or a prefix of an id');
  },
  run(context, [word = '']) {
    const store = directStore(context);
    const lines = diffDirect(store, findContainer(store, word));
    context.print(lines.map(line => `${line}\n`).join(''));
    return 0;
  },
};

/** Returns the complete form of a name that an image can get. */
export function taggable(text: string): string {
  const reference = parseReference(text);
  if (reference.digest === undefined) return formatReference(reference);
  throw new RuntimeError({
    code: 'image.reference',
    message: `invalid reference ${JSON.stringify(text)}: an image cannot get a digest as its name`,
    value: text,
    hint: 'write NAME:TAG',
  });
}

function switchOf(text: string): boolean {
  if (text === 'true' || text === 'false') return text === 'true';
  throw new RuntimeError({
    code: 'usage.bad-value',
    message: `invalid value ${JSON.stringify(text)} for --pause`,
    value: text,
    hint: 'use true or false',
  });
}

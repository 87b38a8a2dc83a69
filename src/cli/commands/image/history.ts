// SPDX-License-Identifier: Apache-2.0
import { imageStore } from '../../../image/blobs.ts';
import { hexOf } from '../../../image/digest.ts';
import { imageSteps, noId } from '../../../image/documents.ts';
import { needImage } from '../../../image/store.ts';
import type { CommandModule } from '../../command.ts';
import { ago, decimalSize, tableText } from '../../listing.ts';
import { formatOf } from '../../options.ts';

const longestCommand = 45;

export const history: CommandModule = {
  name: 'image history',
  summary: 'list the steps by which an image was made, the newest first',
  example: ['tsubo image history busybox', 'tsubo image history --no-trunc web:v2'],
  failurePrefix: 'image history failed: ',
  define(command) {
    command
      .argument('<image>', 'a name, an id or a prefix of an id')
      .option('-f, --format <format>', 'format of the output: table or json (default: table)')
      .option('-q, --quiet', 'print only the id')
      .option('--no-trunc', 'print whole ids and commands');
  },
  run({ runtime, print }, [name = ''], options) {
    const format = formatOf(options, ['table', 'json']);
    const image = needImage(imageStore(runtime.binding), name);
    const whole = options['trunc'] === false;
    const rows = imageSteps(image);
    const idOf = (id: string) => (whole || id === noId ? id : hexOf(id).slice(0, 12));
    if (options['quiet'] === true) print(rows.map(({ id }) => `${idOf(id)}\n`).join(''));
    else if (format === 'json') print(`${JSON.stringify(rows, null, 2)}\n`);
    else {
      const now = runtime.binding.now();
      print(
        tableText([
          ['IMAGE', 'CREATED', 'CREATED BY', 'SIZE', 'COMMENT'],
          ...rows.map(({ id, created, createdBy, size, comment }) => [
            ...[
              idOf(id),
              ago(created, now),
              whole ? createdBy : shortened(createdBy),
              decimalSize(size),
              comment,
            ],
          ]),
        ]),
      );
    }
    return 0;
  },
};

function shortened(text: string): string {
  const line = text.replace(/\s+/g, ' ');
  return line.length <= longestCommand ? line : `${line.slice(0, longestCommand - 1)}…`;
}

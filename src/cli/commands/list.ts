// SPDX-License-Identifier: Apache-2.0
import { RuntimeError } from '../../errors/error.ts';
import { listContainers } from '../../lifecycle/list.ts';
import type { StateOutput } from '../../oci/state.ts';
import type { CommandModule } from '../command.ts';
import { goJson } from '../go-json.ts';

export const list: CommandModule = {
  name: 'list',
  summary: 'list the containers of a root directory',
  example: ['tsubo list', 'tsubo list --format json | jq ".[].id"'],
  define(command) {
    command
      .option('-f, --format <format>', 'table or json (default: table)')
      .option('-q, --quiet', 'print only the ids');
  },
  run({ runtime, print, report, rootGiven }, _args, options) {
    const format = options['format'] ?? 'table';
    if (format !== 'table' && format !== 'json') {
      throw new RuntimeError({
        code: 'usage.bad-value',
        message: 'invalid format option',
        value: String(format),
        hint: 'use table or json',
      });
    }
    const { containers, damaged } = listContainers(runtime, { rootMustExist: rootGiven });
    for (const problem of damaged) report(problem);
    if (options['quiet'] === true) print(containers.map(({ id }) => `${id}\n`).join(''));
    // An empty list is null, as Go writes a list that was never made.
    else if (format === 'json') print(`${containers.length === 0 ? 'null' : goJson(containers)}\n`);
    else print(table(containers));
    return 0;
  },
};

const headings = ['ID', 'PID', 'STATUS', 'BUNDLE', 'CREATED', 'OWNER'];
const narrowest = 12;
const padding = 3;

/** Columns as Go's tabwriter sets them: at least 12 wide, 3 blanks between. */
function table(containers: readonly StateOutput[]): string {
  const rows = containers.map(({ id, pid, status, bundle, created, owner }) => [
    id,
    String(pid),
    status,
    bundle,
    created,
    owner,
  ]);
  const all = [headings, ...rows];
  // Nearly always each unit of the text is one character.
  const narrow = !/[\ud800-\udfff]/.test(all.flat().join(''));
  const lengths = all.map(row => row.map(text => (narrow ? text.length : [...text].length)));
  const widths = headings.map((_heading, column) =>
    lengths.reduce((widest, row) => Math.max(widest, (row[column] ?? 0) + padding), narrowest),
  );
  const last = headings.length - 1;
  return all
    .map((row, index) => {
      const cells = row.map((text, column) =>
        column === last ? text : text + ' '.repeat((widths[column] ?? 0) - (lengths[index]?.[column] ?? 0)),
      );
      return `${cells.join('')}\n`;
    })
    .join('');
}

// SPDX-License-Identifier: Apache-2.0
import { visibleLine } from '../../errors/visible.ts';
import type { Binding } from '../../host/binding.d.ts';
import { listContainers } from '../../lifecycle/list.ts';
import type { StateOutput } from '../../oci/state.ts';
import type { CommandModule } from '../command.ts';
import { goJson } from '../go-json.ts';
import { formatOf } from '../options.ts';

export const list: CommandModule = {
  name: 'list',
  summary: 'list the containers',
  example: ['tsubo list', 'tsubo list --format json | jq ".[].id"'],
  define(command) {
    command
      .option('-f, --format <format>', 'format of the output: table or json (default: table)')
      .option('-q, --quiet', 'print only the ids');
  },
  run({ runtime, print, report, rootGiven }, _args, options) {
    const format = formatOf(options, ['table', 'json']);
    const { containers, damaged } = listContainers(runtime, {
      rootMustExist: rootGiven,
      brief: format === 'table',
    });
    for (const problem of damaged) report(problem);
    if (options['quiet'] === true) print(containers.map(({ id }) => `${visibleLine(id)}\n`).join(''));
    // An empty list is printed as null, because Go encodes a nil slice that way.
    else if (format === 'json') print(`${containers.length === 0 ? 'null' : goJson(containers)}\n`);
    else for (const text of table(containers, runtime.binding)) print(text);
    return 0;
  },
};

/**
 * Returns true if no text of the table needs a replaced character, and each character is a column. Most lists are like
 * that, and a comparison with the encoded JSON is a faster test than `visibleLine`.
 */
function isPlain(containers: readonly StateOutput[], binding: Binding): boolean {
  let texts = '';
  for (const { id, bundle, owner } of containers) texts += id + bundle + owner;
  const isPrintable = JSON.stringify(texts).length === texts.length + 2 && !texts.includes('\u007f');
  return isPrintable && binding.utf8(texts).length === texts.length;
}

/** Replaces characters that would act on the terminal. */
function visible(containers: readonly StateOutput[]): readonly StateOutput[] {
  return containers.map(container => ({
    ...container,
    id: visibleLine(container.id),
    bundle: visibleLine(container.bundle),
    owner: visibleLine(container.owner),
  }));
}

const narrowest = 12;
const padding = 3;
/** Characters per write: the text of a thousand containers at once would need more memory. */
const charactersAtOnce = 16_384;

/**
 * Formats columns like Go's tabwriter: at least 12 wide, separated by 3 blanks. Only paths and user names can contain
 * non-ASCII characters. The last column needs no width. Pids (at most 4194304) and statuses always fit the minimum
 * width.
 */
function* table(all: readonly StateOutput[], binding: Binding): Generator<string> {
  const plain = isPlain(all, binding);
  const containers = plain ? all : visible(all);
  const surplus = (text: string): number => text.length - [...text].length;
  const least = narrowest - padding;
  let [ids, paths, times] = [least, least, least];
  for (const { id, bundle, created } of containers) {
    const path = plain ? bundle.length : bundle.length - surplus(bundle);
    if (id.length > ids) ids = id.length;
    if (path > paths) paths = path;
    if (created.length > times) times = created.length;
  }
  const line = (id: string, pid: string, status: string, bundle: string, created: string, owner: string) =>
    id.padEnd(ids + padding) +
    pid.padEnd(narrowest) +
    status.padEnd(narrowest) +
    bundle.padEnd(plain ? paths + padding : paths + padding + surplus(bundle)) +
    created.padEnd(times + padding) +
    `${owner}\n`;
  let lines = line('ID', 'PID', 'STATUS', 'BUNDLE', 'CREATED', 'OWNER');
  for (const { id, pid, status, bundle, created, owner } of containers) {
    lines += line(id, String(pid), status, bundle, created, owner);
    if (lines.length < charactersAtOnce) continue;
    yield lines;
    lines = '';
  }
  yield lines;
}

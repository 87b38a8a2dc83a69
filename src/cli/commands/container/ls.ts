// SPDX-License-Identifier: Apache-2.0
import type { DirectContainer } from '../../../direct/container.ts';
import { type Row, rowOf } from '../../../direct/describe.ts';
import { healthOf, healthText } from '../../../direct/health.ts';
import { shortId } from '../../../direct/names.ts';
import { parseNumber } from '../../../direct/request.ts';
import { type DirectState, isUp, stateOf } from '../../../direct/status.ts';
import { type DirectStore, listContainers } from '../../../direct/store.ts';
import { RuntimeError } from '../../../errors/error.ts';
import { visibleLine } from '../../../errors/visible.ts';
import type { CommandModule } from '../../command.ts';
import { tableText } from '../../listing.ts';
import { formatOf } from '../../options.ts';
import { directStore } from './common.ts';
import { listOf, textOf } from './options.ts';

export const ls: CommandModule = {
  name: 'container ls',
  summary: 'list the running containers, or all of them',
  example: ['tsubo container ls', 'tsubo container ls --all --filter status=exited --quiet'],
  shortOptionsCombine: true,
  define(command) {
    command
      .option('-a, --all', 'show containers that do not run, too')
      .option('-q, --quiet', 'print only the ids')
      .option('--no-trunc', 'print whole ids and commands')
      .option('-n, --last <number>', 'show the newest containers, also those that do not run')
      .option('-l, --latest', 'show the newest container')
      .option(
        '-f, --filter <filter...>',
        'show containers with name=, id=, status=, ancestor=, label=, exited=, network=, volume=, health=',
      )
      .option('--format <format>', 'format of the output: table or json (default: table)');
  },
  run(context, _args, options) {
    const { runtime, print, report } = context;
    const format = formatOf(options, ['table', 'json']);
    const filters = listOf(options, 'filter').map(parseFilter);
    const store = directStore(context);
    const { containers, damaged } = listContainers(store);
    for (const problem of damaged) report(problem);
    const lastText = textOf(options, 'last');
    const last =
      options['latest'] === true ? 1 : lastText === undefined ? -1 : parseNumber('--last', lastText, -1);
    const all =
      options['all'] === true || last >= 0 || filters.some(({ key }) => key === 'status' || key === 'exited');
    const now = runtime.binding.now();
    const whole = options['trunc'] === false;
    const shown = containers
      .slice(0, last >= 0 ? last : undefined)
      .map(container => {
        const state = stateOf(runtime, store, container);
        if (state.problem !== undefined) report(state.problem);
        return { container, state };
      })
      .filter(({ state }) => all || isUp(state))
      .filter(({ container, state }) => matches(filters, store, container, state));
    if (options['quiet'] === true) {
      print(shown.map(({ container: { id } }) => `${whole ? id : shortId(id)}\n`).join(''));
      return 0;
    }
    const rows = shown.map(({ container, state }) =>
      rowOf(container, state, now, whole, healthText(healthOf(store, container))),
    );
    print(format === 'json' ? rows.map(row => `${JSON.stringify(row)}\n`).join('') : tableOf(rows));
    return 0;
  },
};

function tableOf(rows: readonly Row[]): string {
  return tableText([
    ['CONTAINER ID', 'IMAGE', 'COMMAND', 'CREATED', 'STATUS', 'PORTS', 'NAMES'],
    ...rows.map(({ ID, Image, Command, RunningFor, Status, Ports, Names }) =>
      [ID, Image, Command, RunningFor, Status, Ports, Names].map(visibleLine),
    ),
  ]);
}

const filterKeys = [
  'name',
  'id',
  'status',
  'ancestor',
  'label',
  'exited',
  'network',
  'volume',
  'health',
] as const;

interface Filter {
  readonly key: (typeof filterKeys)[number];
  readonly value: string;
}

function parseFilter(text: string): Filter {
  const equals = text.indexOf('=');
  const key = filterKeys.find(known => known === text.slice(0, Math.max(equals, 0)));
  if (key !== undefined) return { key, value: text.slice(equals + 1) };
  throw new RuntimeError({
    code: 'usage.bad-value',
    message: `invalid filter ${JSON.stringify(text)}`,
    value: text,
    hint: `write KEY=VALUE with one of the keys ${filterKeys.join(', ')}`,
  });
}

/** Values of one key are alternatives, except labels; different keys must all match. */
function matches(
  filters: readonly Filter[],
  store: DirectStore,
  container: DirectContainer,
  state: DirectState,
): boolean {
  return filterKeys.every(key => {
    const wanted = filters.filter(filter => filter.key === key);
    if (wanted.length === 0) return true;
    const one = ({ value }: Filter) => matchesOne(key, value, store, container, state);
    return key === 'label' ? wanted.every(one) : wanted.some(one);
  });
}

function matchesOne(
  key: Filter['key'],
  value: string,
  store: DirectStore,
  container: DirectContainer,
  state: DirectState,
): boolean {
  switch (key) {
    case 'name':
      return container.name.includes(value.replace(/^\//, ''));
    case 'id':
      return container.id.startsWith(value);
    case 'status':
      return state.status === value;
    case 'ancestor':
      return [container.image, container.imageId, shortId(container.imageId)].some(
        image => image === value || image === `${value}:latest`,
      );
    case 'label': {
      const equals = value.indexOf('=');
      const own = container.labels[equals < 0 ? value : value.slice(0, equals)];
      return own !== undefined && (equals < 0 || own === value.slice(equals + 1));
    }
    case 'exited':
      return state.status === 'exited' && String(state.exit?.status) === value;
    case 'network':
      return container.networks.some(network => network === value || network.startsWith(`${value}:`));
    case 'health':
      return (healthOf(store, container)?.status ?? 'none') === value;
    case 'volume':
      return container.mounts.some(({ name, destination }) => name === value || destination === value);
  }
}

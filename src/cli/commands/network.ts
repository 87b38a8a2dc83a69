// SPDX-License-Identifier: Apache-2.0
import { RuntimeError } from '../../errors/error.ts';
import { didYouMean } from '../../errors/spelling.ts';
import {
  allowForward,
  createNetwork,
  inspectNetwork,
  listNetworks,
  type NetworkView,
  pruneNetworks,
  reloadNetworks,
  removeNetwork,
} from '../../lifecycle/network/manage.ts';
import type { CommandModule, Context } from '../command.ts';
import { formatOf, wholeNumber } from '../options.ts';

type Options = Readonly<Record<string, unknown>>;

interface Action {
  /** Number of names that the action takes. */
  readonly names: 'none' | 'one' | 'some';
  /** Options of the action, besides --help. */
  readonly options: readonly string[];
  run(context: Context, names: readonly string[], options: Options): void;
}

const actions: Readonly<Record<string, Action>> = {
  create: {
    names: 'one',
    options: ['subnet', 'gateway', 'ipv6', 'mtu', 'bridge', 'internal', 'isolated'],
    run({ runtime, print }, [name = ''], options) {
      const { mtu, bridge } = options;
      createNetwork(runtime, {
        name,
        subnets: listOf(options['subnet']),
        gateways: listOf(options['gateway']),
        ipv6: options['ipv6'] !== false,
        ...(typeof mtu === 'number' && { mtu }),
        ...(typeof bridge === 'string' && { bridge }),
        internal: options['internal'] === true,
        isolated: options['isolated'] === true,
      });
      print(`${name}\n`);
    },
  },
  ls: {
    names: 'none',
    options: ['format', 'quiet'],
    run({ runtime, print, report }, _, options) {
      const format = formatOf(options, ['table', 'json']);
      const { networks, damaged } = listNetworks(runtime);
      for (const problem of damaged) report(problem);
      if (options['quiet'] === true) print(networks.map(({ name }) => `${name}\n`).join(''));
      else print(format === 'json' ? `${JSON.stringify(networks, null, 2)}\n` : table(networks));
    },
  },
  inspect: {
    names: 'some',
    options: [],
    run({ runtime, print }, names) {
      for (const name of names) print(`${JSON.stringify(inspectNetwork(runtime, name), null, 2)}\n`);
    },
  },
  rm: {
    names: 'some',
    options: [],
    run({ runtime, print }, names) {
      for (const name of names) {
        removeNetwork(runtime, name);
        print(`${name}\n`);
      }
    },
  },
  prune: {
    names: 'none',
    options: [],
    run({ runtime, print }) {
      print(
        pruneNetworks(runtime)
          .map(name => `${name}\n`)
          .join(''),
      );
    },
  },
  'allow-forward': {
    names: 'none',
    options: [],
    run({ runtime, print }) {
      print(
        allowForward(runtime)
          .map(line => `${line}\n`)
          .join(''),
      );
    },
  },
  reload: {
    names: 'none',
    options: [],
    run({ runtime }) {
      reloadNetworks(runtime);
    },
  },
};

export const network: CommandModule = {
  name: 'network',
  summary: 'make, list and remove the networks that containers are attached to',
  example: [
    'tsubo network create --subnet 10.20.0.0/24 web',
    'tsubo run --network web --bundle /containers/web web',
    'tsubo network ls --format json',
  ],
  failurePrefix: 'network failed: ',
  define(command) {
    command
      .argument('<action>', 'create NAME, ls, inspect NAME, rm NAME, prune, reload or allow-forward')
      .argument('[name...]', 'names of networks')
      .option('--subnet <subnet...>', 'create: a subnet, such as 10.20.0.0/24; one of IPv4 and one of IPv6')
      .option('--gateway <address...>', 'create: the address of the bridge (default: the first)')
      .option('--no-ipv6', 'create: without IPv6')
      .option('--mtu <bytes>', 'create: the MTU (default: that of the default route)', text =>
        wholeNumber('mtu', text),
      )
      .option('--bridge <name>', 'create: the name of the bridge (default: tsubo1, tsubo2, ...)')
      .option('--internal', 'create: no traffic leaves the network')
      .option('--isolated', 'create: its containers do not reach each other')
      .option('-f, --format <format>', 'ls: table or json (default: table)')
      .option('-q, --quiet', 'ls: print only the names');
  },
  run(context, [word = '', ...names], options) {
    const action = Object.hasOwn(actions, word) ? actions[word] : undefined;
    if (action === undefined) {
      throw new RuntimeError({
        code: 'usage.arguments',
        message: `unknown action ${JSON.stringify(word)} of network`,
        value: word,
        hint: didYouMean(word, Object.keys(actions)) ?? `use ${Object.keys(actions).join(', ')}`,
      });
    }
    checkNames(word, action, names);
    checkOptions(word, action, options);
    action.run(context, names, options);
    return 0;
  },
};

function checkNames(word: string, { names: wanted }: Action, names: readonly string[]): void {
  if (wanted === 'none' ? names.length === 0 : wanted === 'one' ? names.length === 1 : names.length > 0)
    return;
  const needs = { none: 'takes no name', one: 'takes one name', some: 'takes the names of networks' }[wanted];
  throw new RuntimeError({
    code: 'usage.arguments',
    message: `network ${word} ${needs}`,
    ...(names.length > 0 && { value: names.join(' ') }),
  });
}

/** An option of another action would be ignored in silence. */
function checkOptions(word: string, { options: known }: Action, options: Options): void {
  for (const [name, value] of Object.entries(options)) {
    // The default of --no-ipv6.
    const isDefault = name === 'ipv6' && value === true;
    if (known.includes(name) || isDefault || value === undefined) continue;
    const option = name === 'ipv6' ? '--no-ipv6' : `--${name}`;
    throw new RuntimeError({
      code: 'usage.unknown-option',
      message: `network ${word} has no option ${option}`,
      value: option,
    });
  }
}

function listOf(value: unknown): string[] {
  return Array.isArray(value) ? (value as string[]) : [];
}

function table(networks: readonly NetworkView[]): string {
  const rows = [
    ['NAME', 'BRIDGE', 'STATE', 'IPV4', 'IPV6', 'CONTAINERS'],
    ...networks.map(({ name, bridge, state, ipv4, ipv6, containers }) => [
      name,
      bridge,
      state,
      ipv4.subnet,
      ipv6?.subnet ?? '-',
      String(containers.length),
    ]),
  ];
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map(row => row[column]?.length ?? 0)));
  return rows
    .map(
      row =>
        `${row
          .map((cell, column) => cell.padEnd((widths[column] ?? 0) + 3))
          .join('')
          .trimEnd()}\n`,
    )
    .join('');
}

// SPDX-License-Identifier: Apache-2.0
import { parseArgs } from 'node:util';
import type { Runtime } from './flow.ts';

export interface Options {
  /** Names of engines. */
  readonly only: readonly string[];
  readonly short: boolean;
  readonly flow: string;
  readonly runtimes: readonly Runtime[];
  readonly suite: string;
  /** Skips all flows if the packages cannot be fetched. */
  readonly optional: boolean;
  /** Rounds of measurements in place of the flows. */
  readonly rounds?: number;
  /** Rounds of measurements of builds in place of the flows. */
  readonly builds?: number;
}

const usage = (names: readonly string[]) => `Usage: npm run test:engines [-- OPTIONS]

  --only NAME[,NAME]  only these engines: ${names.join(', ')}
  --short             only the short part, with fewer packages
  --flow TEXT         only the flows whose name contains the text
  --runtime NAME      only runc or tsubo
  --suite NAME        the suite of Debian whose engines are fetched (default: bookworm)
  --optional          skip all flows if the engines cannot be fetched
  --time ROUNDS       measure commands with runc, crun and tsubo instead
  --builds ROUNDS     measure builds with tsubo, Docker and buildah instead`;

const optionTypes = {
  only: { type: 'string' },
  short: { type: 'boolean' },
  flow: { type: 'string' },
  runtime: { type: 'string' },
  suite: { type: 'string' },
  optional: { type: 'boolean' },
  time: { type: 'string' },
  builds: { type: 'string' },
  help: { type: 'boolean' },
} as const;

type Values = ReturnType<typeof parseArgs<{ options: typeof optionTypes }>>['values'];

/**
 * @param names of all engines
 * @returns a string if it must be printed instead: the usage, with the wrong argument before it
 */
export function optionsOf(args: readonly string[], names: readonly string[]): Options | string {
  let values: Values;
  try {
    values = parseArgs({ args: [...args], options: optionTypes }).values;
  } catch (error) {
    return `${error instanceof Error ? error.message : error}\n\n${usage(names)}`;
  }
  if (values.help) return usage(names);
  const only = values.only?.split(',') ?? names;
  const runtimes = values.runtime?.split(',') ?? ['runc', 'tsubo'];
  const unknown =
    only.find(name => !names.includes(name)) ?? runtimes.find(name => name !== 'runc' && name !== 'tsubo');
  if (unknown !== undefined) return `unknown name ${unknown}\n\n${usage(names)}`;
  const [rounds, builds] = [values.time, values.builds].map(text =>
    text === undefined ? undefined : Number(text),
  );
  for (const number of [rounds, builds]) {
    if (number !== undefined && !(Number.isInteger(number) && number > 0))
      return `invalid number of rounds ${values.time ?? values.builds}\n\n${usage(names)}`;
  }
  return {
    only,
    short: values.short ?? false,
    flow: values.flow ?? '',
    runtimes: runtimes as Runtime[],
    suite: values.suite ?? 'bookworm',
    optional: values.optional ?? false,
    ...(rounds !== undefined && { rounds }),
    ...(builds !== undefined && { builds }),
  };
}

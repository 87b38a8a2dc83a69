// SPDX-License-Identifier: Apache-2.0
import { type CaseName, caseNames, type ImageCase, imageCases } from './cases.ts';

export interface Options {
  /** Number of measured rounds; two further rounds warm up. */
  readonly rounds: number;
  /** Number of containers for `list`. */
  readonly entries: number;
  readonly only: ReadonlySet<CaseName>;
  readonly images: readonly ImageCase[];
  /** Numbers of running containers beside which commands are measured, ascending; empty without --scale. */
  readonly scale: readonly number[];
  /** samples.json of an earlier run for comparison. */
  readonly against: string | undefined;
  /** samples.json of an earlier run, of which the report is written again; nothing is measured. */
  readonly from: string | undefined;
  /** Table and picture are put into the README. */
  readonly readme: boolean;
  /** Only the usage is printed. */
  readonly help: boolean;
}

export const usage = `usage: npm run bench -- [--quick] [--rounds N] [--entries N] [--only CASE]... [--scale|--report|--readme]
                      [--against FILE] [--from FILE] [--help]
  --quick        10 rounds, list of 200
  --rounds N     measured rounds (60)
  --entries N    containers for list (1000)
  --only CASE    ${caseNames.join(', ')};
                 only by their names: ${imageCases.join(', ')}
  --scale        only create, exec, state and list beside 1, 100, 1,000 and 4,000 running containers
                 (with --quick, 1, 10 and 100)
  --report       every case and the scale, on one page
  --readme       the same, and the README gets its table and picture from it, if the machine was quiet
  --from FILE    measure nothing, write the report of an earlier samples.json again
  --against FILE compare with the samples.json of an earlier run`;

/** @throws Error with a message for the user */
export function parseOptions(argv: readonly string[]): Options {
  let rounds: number | undefined;
  let entries: number | undefined;
  let quick = false;
  let against: string | undefined;
  let from: string | undefined;
  let help = false;
  const wanted = new Set<string>();
  const only = new Set<CaseName>();
  const images = new Set<ImageCase>();
  const rest = argv.flatMap(word => (/^--\w+=/.test(word) ? split(word) : [word]));
  for (let i = 0; i < rest.length; i++) {
    const name = rest[i] ?? '';
    const value = (): string => {
      i += 1;
      const next = rest[i];
      if (next === undefined) throw new Error(`${name} needs a value\n${usage}`);
      return next;
    };
    if (name === '--help' || name === '-h') help = true;
    else if (name === '--quick') quick = true;
    else if (name === '--rounds') rounds = atLeastOne(name, value());
    else if (name === '--entries') entries = atLeastOne(name, value());
    else if (name === '--against') against = value();
    else if (name === '--from') from = value();
    else if (wholes.includes(name)) wanted.add(name);
    else if (name === '--only') {
      const text = value();
      const image = imageCases.find(one => one === text);
      if (image === undefined) only.add(caseNamed(text));
      else images.add(image);
    } else throw new Error(`unknown argument ${name}\n${usage}`);
  }
  if (images.size > 0 && only.size + wanted.size > 0)
    throw new Error(`${[...images].join(', ')}: measured without other cases\n${usage}`);
  if (only.size > 0 && (wanted.has('--report') || wanted.has('--readme')))
    throw new Error(`--report and --readme measure every case: omit --only\n${usage}`);
  const onlyScale = wanted.has('--scale') && wanted.size === 1 && only.size === 0;
  return {
    rounds: rounds ?? (quick ? 10 : 60),
    entries: entries ?? (quick ? 200 : 1000),
    only: only.size > 0 || onlyScale ? only : new Set(caseNames),
    images: imageCases.filter(name => images.has(name)),
    scale: wanted.size === 0 ? [] : quick ? [1, 10, 100] : [1, 100, 1000, 4000],
    against,
    from,
    readme: wanted.has('--readme'),
    help,
  };
}

/** Options that measure the scale. */
const wholes: readonly string[] = ['--scale', '--report', '--readme'];

function split(word: string): [string, string] {
  const at = word.indexOf('=');
  return [word.slice(0, at), word.slice(at + 1)];
}

function atLeastOne(name: string, text: string): number {
  const n = Number(text);
  if (!Number.isSafeInteger(n) || n < 1) throw new Error(`${name} needs a whole number above 0`);
  return n;
}

function caseNamed(text: string): CaseName {
  const found = caseNames.find(name => name === text);
  if (found === undefined)
    throw new Error(`there is no case ${text}: ${[...caseNames, ...imageCases].join(', ')}`);
  return found;
}

// SPDX-License-Identifier: Apache-2.0
import { type CaseName, caseNames } from './cases.ts';

export interface Options {
  /** Number of measured rounds; two further rounds warm up. */
  readonly rounds: number;
  /** Number of containers for `list`. */
  readonly entries: number;
  readonly only: ReadonlySet<CaseName>;
  /** samples.json of an earlier run for comparison. */
  readonly against: string | undefined;
}

export const usage = `usage: npm run bench -- [--quick] [--rounds N] [--entries N] [--only CASE]... [--against FILE]
  --quick        10 rounds, list of 200
  --rounds N     measured rounds (60)
  --entries N    containers for list (1000)
  --only CASE    ${caseNames.join(', ')}
  --against FILE compare with the samples.json of an earlier run`;

/** @throws Error with a message for the user */
export function parseOptions(argv: readonly string[]): Options {
  let rounds: number | undefined;
  let entries: number | undefined;
  let quick = false;
  let against: string | undefined;
  const only = new Set<CaseName>();
  const rest = argv.flatMap(word => (/^--\w+=/.test(word) ? split(word) : [word]));
  for (let i = 0; i < rest.length; i++) {
    const name = rest[i] ?? '';
    const value = (): string => {
      i += 1;
      const next = rest[i];
      if (next === undefined) throw new Error(`${name} needs a value\n${usage}`);
      return next;
    };
    if (name === '--quick') quick = true;
    else if (name === '--rounds') rounds = atLeastOne(name, value());
    else if (name === '--entries') entries = atLeastOne(name, value());
    else if (name === '--against') against = value();
    else if (name === '--only') only.add(caseNamed(value()));
    else throw new Error(`unknown argument ${name}\n${usage}`);
  }
  return {
    rounds: rounds ?? (quick ? 10 : 60),
    entries: entries ?? (quick ? 200 : 1000),
    only: only.size === 0 ? new Set(caseNames) : only,
    against,
  };
}

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
  if (found === undefined) throw new Error(`there is no case ${text}: ${caseNames.join(', ')}`);
  return found;
}

// SPDX-License-Identifier: Apache-2.0
import type { Command, Option } from 'commander';
import { RuntimeError } from '../errors/error.ts';

/**
 * The grammar of options is that of Go's flag package, because engines write it: one or two dashes before a long
 * name, `--name=value` or `--name value` where the value may look like an option, `--switch=false`, options between
 * and after arguments. The scan turns it into the one form that commander reads without a second meaning.
 */
export interface Scanned {
  /** By commander's long name without dashes (`no-pivot`), the last value; a switch that is off is not there. */
  readonly options: Map<string, string | true>;
  /** Of options that may be repeated (`--env <pair...>`): every value, in order. */
  readonly lists: Map<string, string[]>;
  readonly args: string[];
  /** Tokens that were not looked at: those after the first argument, with `stopAtArgument`. */
  readonly rest: string[];
  /** `-h` or `--help` was met. */
  help: boolean;
}

/** @throws RuntimeError `usage.unknown-option`, `usage.missing-value`, `usage.bad-value` */
export function scan(
  tokens: readonly string[],
  options: readonly Option[],
  into: Scanned,
  stopAtArgument: boolean,
): void {
  for (let index = 0; index < tokens.length; index++) {
    const token = tokens[index] ?? '';
    if (token === '--') {
      into.args.push(...tokens.slice(index + 1));
      return;
    }
    // A single dash is an argument: it stands for standard input.
    if (!token.startsWith('-') || token === '-') {
      into.args.push(token);
      if (!stopAtArgument) continue;
      into.rest.push(...tokens.slice(index + 1));
      return;
    }
    const { name, value } = split(token);
    const option = options.find(({ long, short }) => long?.slice(2) === name || short?.slice(1) === name);
    if (option === undefined) {
      if (name !== 'h' && name !== 'help') throw unknownOption(name);
      into.help = true;
    } else if (option.required) {
      if (value === undefined) index++;
      const given = value ?? tokens[index];
      if (given === undefined) throw missingValue(token);
      if (option.variadic) {
        into.lists.set(longName(option), [...(into.lists.get(longName(option)) ?? []), given]);
      } else {
        into.options.set(longName(option), given);
      }
    } else if (switchValue(name, value)) {
      into.options.set(longName(option), true);
    } else {
      into.options.delete(longName(option));
    }
  }
}

/** `-bundle=x` is the name `bundle` and the value `x`. */
function split(token: string): { name: string; value: string | undefined } {
  const bare = token.slice(token.startsWith('--') ? 2 : 1);
  if (bare.startsWith('-') || bare.startsWith('=')) {
    throw new RuntimeError({
      code: 'usage.unknown-option',
      message: `bad flag syntax: ${token}`,
      value: token,
    });
  }
  const equals = bare.indexOf('=');
  if (equals < 0) return { name: bare, value: undefined };
  return { name: bare.slice(0, equals), value: bare.slice(equals + 1) };
}

function longName(option: Option): string {
  return (option.long ?? '').slice(2);
}

/** The spellings of strconv.ParseBool. */
function switchValue(name: string, value: string | undefined): boolean {
  if (value === undefined || /^(1|t|T|true|TRUE|True)$/.test(value)) return true;
  if (/^(0|f|F|false|FALSE|False)$/.test(value)) return false;
  throw new RuntimeError({
    code: 'usage.bad-value',
    message: `invalid boolean value ${JSON.stringify(value)} for -${name}: parse error`,
    value,
    hint: 'use true or false',
  });
}

function unknownOption(name: string): RuntimeError {
  return new RuntimeError({
    code: 'usage.unknown-option',
    message: `flag provided but not defined: -${name}`,
    value: name,
  });
}

function missingValue(token: string): RuntimeError {
  return new RuntimeError({
    code: 'usage.missing-value',
    message: `flag needs an argument: ${token}`,
    value: token,
  });
}

/** What was scanned, as commander reads it: every value joined to its name. */
export function canonical({ options, lists }: Pick<Scanned, 'options' | 'lists'>): string[] {
  return [
    ...[...options].map(([name, value]) => (value === true ? `--${name}` : `--${name}=${value}`)),
    ...[...lists].flatMap(([name, values]) => values.map(value => `--${name}=${value}`)),
  ];
}

/** @throws RuntimeError `usage.arguments` with the sentence of runc */
export function checkArgumentCount(program: string, command: Command, count: number): void {
  const open = command.registeredArguments.at(-1)?.variadic === true;
  const most = open ? Number.POSITIVE_INFINITY : command.registeredArguments.length;
  const least = command.registeredArguments.filter(({ required }) => required).length;
  if (count >= least && count <= most) return;
  const kind = least === most ? 'exactly' : count < least ? 'a minimum of' : 'a maximum of';
  throw new RuntimeError({
    code: 'usage.arguments',
    message: `${program}: "${command.name()}" requires ${kind} ${count < least ? least : most} argument(s)`,
    value: String(count),
  });
}

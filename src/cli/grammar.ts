// SPDX-License-Identifier: Apache-2.0
import type { Command, Option } from 'commander';
import { RuntimeError } from '../errors/error.ts';
import { didYouMean } from '../errors/spelling.ts';
import { usageLine } from './help.ts';

/**
 * The option grammar is that of Go's flag package, which engines rely on: one or two dashes before a long name,
 * `--name=value` or `--name value` where the value may look like an option, `--switch=false`, options between and
 * after arguments. The scan converts it to the only form that commander parses unambiguously.
 */
export interface Scanned {
  /**
   * The last value of each option, by commander's long name without dashes (`no-pivot`); a switch that is off is
   * absent.
   */
  readonly options: Map<string, string | true>;
  /** All values of repeatable options (`--env <pair...>`), in order. */
  readonly lists: Map<string, string[]>;
  readonly args: string[];
  /** The unparsed tokens after the first argument, with `stopAtArgument`. */
  readonly rest: string[];
  /** `-h` or `--help` was present. */
  help: boolean;
}

export interface ScanRules {
  /** The first argument ends the options. */
  readonly stopAtArgument: boolean;
  /** Short options may be combined, and a value may follow its letter: `-it`, `-p8800:80`. */
  readonly combine?: boolean | undefined;
  /** Options of other programs, without dashes, with a hint for each. */
  readonly foreign?: Readonly<Record<string, string>> | undefined;
}

/** @throws RuntimeError `usage.unknown-option`, `usage.missing-value`, `usage.bad-value` */
export function scan(
  tokens: readonly string[],
  options: readonly Option[],
  into: Scanned,
  { stopAtArgument, combine = false, foreign = {} }: ScanRules,
): void {
  for (let index = 0; index < tokens.length; index++) {
    const token = tokens[index] ?? '';
    if (token === '--') {
      into.args.push(...tokens.slice(index + 1));
      return;
    }
    // A single dash is an argument that means standard input.
    if (!token.startsWith('-') || token === '-') {
      into.args.push(token);
      if (!stopAtArgument) continue;
      into.rest.push(...tokens.slice(index + 1));
      return;
    }
    const parts = combine && !token.startsWith('--') ? letters(token, options) : [{ token, ...split(token) }];
    for (const part of parts) {
      const { name, value } = part;
      const option = options.find(
        ({ long, short }) =>
          short?.slice(1) === name || (long?.slice(2) === name && (!combine || token.startsWith('--'))),
      );
      if (option === undefined) {
        if (name !== 'h' && name !== 'help') throw unknownOption(part.token, name, options, foreign);
        into.help = true;
      } else if (option.required) {
        if (value === undefined) index++;
        const given = value ?? tokens[index];
        if (given === undefined) throw missingValue(part.token, option);
        if (option.variadic) {
          into.lists.set(longName(option), [...(into.lists.get(longName(option)) ?? []), given]);
        } else {
          into.options.set(longName(option), given);
        }
      } else if (switchValue(part.token, value)) {
        into.options.set(longName(option), true);
      } else {
        into.options.delete(longName(option));
      }
    }
  }
}

/** An option of the command line, and its value if the same token contains it. */
interface Part {
  readonly token: string;
  readonly name: string;
  readonly value: string | undefined;
}

/** Splits `-itp8800:80` into `-i`, `-t` and `-p` with its value. */
function letters(token: string, options: readonly Option[]): Part[] {
  const parts: Part[] = [];
  for (let at = 1; at < token.length; at++) {
    const name = token.charAt(at);
    const rest = token.slice(at + 1);
    const takesValue = options.some(({ short, required }) => short === `-${name}` && required);
    const isAssigned = rest.startsWith('=');
    const value = isAssigned ? rest.slice(1) : takesValue && rest !== '' ? rest : undefined;
    parts.push({ token: `-${name}`, name, value });
    if (takesValue || isAssigned) break;
  }
  return parts;
}

/** Splits `-bundle=x` into the name `bundle` and the value `x`. */
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

/** Accepts the spellings of strconv.ParseBool. */
function switchValue(token: string, value: string | undefined): boolean {
  if (value === undefined || /^(1|t|T|true|TRUE|True)$/.test(value)) return true;
  if (/^(0|f|F|false|FALSE|False)$/.test(value)) return false;
  throw new RuntimeError({
    code: 'usage.bad-value',
    message: `invalid value ${JSON.stringify(value)} for ${optionName(token)}`,
    value,
    hint: 'use true or false',
  });
}

/** Returns `--bundle` for `--bundle=x`. */
function optionName(token: string): string {
  return token.replace(/=.*/s, '');
}

function unknownOption(
  token: string,
  name: string,
  options: readonly Option[],
  foreign: Readonly<Record<string, string>>,
): RuntimeError {
  return new RuntimeError({
    code: 'usage.unknown-option',
    message: `unknown option ${optionName(token)}`,
    value: name,
    hint: optionHint(token, name, options, foreign),
  });
}

function optionHint(
  token: string,
  name: string,
  options: readonly Option[],
  foreign: Readonly<Record<string, string>>,
): string | undefined {
  if (Object.hasOwn(foreign, name)) return foreign[name];
  const long = options.flatMap(option => (option.hidden ? [] : [longName(option)]));
  if (token.startsWith('--') || name.length > 3) return didYouMean(name, long, '--');
  return combinedHint([...name], options, foreign);
}

/** Returns a hint for `-it`: each short option needs its own dash. */
function combinedHint(
  letters: readonly string[],
  options: readonly Option[],
  foreign: Readonly<Record<string, string>>,
): string | undefined {
  if (letters.length < 2) return undefined;
  const known = letters.filter(letter => options.some(({ short }) => short === `-${letter}`));
  const others = letters.filter(letter => !known.includes(letter));
  const parts = others.map(letter =>
    Object.hasOwn(foreign, letter) ? `there is no -${letter}: ${foreign[letter]}` : `there is no -${letter}`,
  );
  if (known.length > 0) {
    parts.unshift(`write ${known.map(letter => `-${letter}`).join(' ')}: short options are not combined`);
  } else if (!others.some(letter => Object.hasOwn(foreign, letter))) {
    return undefined;
  }
  return parts.join('; ');
}

function missingValue(token: string, option: Option): RuntimeError {
  return new RuntimeError({
    code: 'usage.missing-value',
    message: `option ${token} requires a value`,
    value: token,
    hint: `write ${token} ${/<.+>/.exec(option.flags)?.[0]}`,
  });
}

/** Returns the scanned options in commander's form, with every value joined to its name. */
export function canonical({ options, lists }: Pick<Scanned, 'options' | 'lists'>): string[] {
  return [
    ...[...options].map(([name, value]) => (value === true ? `--${name}` : `--${name}=${value}`)),
    ...[...lists].flatMap(([name, values]) => values.map(value => `--${name}=${value}`)),
  ];
}

/** @throws RuntimeError `usage.arguments` */
export function checkArgumentCount(name: string, command: Command, args: readonly string[]): void {
  const declared = command.registeredArguments;
  const missing = declared.slice(args.length).filter(({ required }) => required);
  const extra = declared.at(-1)?.variadic === true ? undefined : args[declared.length];
  if (missing.length === 0 && extra === undefined) return;
  const fault =
    extra === undefined
      ? `missing argument ${missing.map(argument => `<${argument.name()}>`).join(' ')}`
      : `unexpected argument ${JSON.stringify(extra)}`;
  throw new RuntimeError({
    code: 'usage.arguments',
    message: `${fault}: ${usageLine(name, command)}`,
    ...(extra !== undefined && { value: extra }),
  });
}

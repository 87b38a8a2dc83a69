// SPDX-License-Identifier: Apache-2.0
import { Command } from 'commander';
import { type CommandGroup, type CommandModule, isGroup } from '../command.ts';
import { defineGlobals } from '../globals.ts';

/** The kind of a value that a shell can complete; a list has all possible values. */
export type ValueKind = 'file' | 'directory' | 'signal' | 'text' | Listed | readonly string[];

/** Kinds of objects whose names a command of tsubo prints. */
export type Listed = keyof typeof listers;

export interface OptionWords {
  /** With dashes, the short name first: `-b`, `--bundle`. */
  readonly names: readonly string[];
  readonly summary: string;
  /** Undefined for a switch. */
  readonly value: ValueKind | undefined;
}

export interface ArgumentWords {
  readonly name: string;
  readonly value: ValueKind;
  /** The argument takes all remaining words. */
  readonly variadic: boolean;
}

export interface CommandWords {
  /** With the name of the group: `run`, `network create`. */
  readonly name: string;
  readonly summary: string;
  readonly options: readonly OptionWords[];
  readonly arguments: readonly ArgumentWords[];
}

/** The words of the command line, from which a completion script is made. */
export interface ProgramWords {
  readonly globals: readonly OptionWords[];
  /** First words of groups with their summaries. */
  readonly groups: readonly { readonly name: string; readonly summary: string }[];
  readonly commands: readonly CommandWords[];
}

/** Reads the table of commands, without the options that the help does not show. */
export function programWords(entries: readonly (CommandModule | CommandGroup)[]): ProgramWords {
  const program = new Command('tsubo');
  defineGlobals(program);
  return {
    globals: [...optionsOf(program), help],
    groups: entries.filter(isGroup).map(({ name, summary }) => ({ name, summary })),
    commands: entries.flatMap(entry => (isGroup(entry) ? entry.commands : [entry])).map(commandWords),
  };
}

const help: OptionWords = { names: ['-h', '--help'], summary: 'show the help', value: undefined };

function commandWords(module: CommandModule): CommandWords {
  const command = new Command(module.name);
  module.define(command);
  return {
    name: module.name,
    summary: module.summary,
    options: optionsOf(command),
    arguments: command.registeredArguments.map(argument => ({
      name: argument.name(),
      value: argumentKind(module.name, argument.name()),
      variadic: argument.variadic,
    })),
  };
}

function optionsOf(command: Command): OptionWords[] {
  return command.options
    .filter(({ hidden }) => !hidden)
    .map(({ short, long, flags, description }) => ({
      names: [short, long].filter(name => name != null),
      summary: description,
      value: optionKind(long ?? '', /<(.+?)(?:\.\.\.)?>/.exec(flags)?.[1], description),
    }));
}

function optionKind(
  long: string,
  placeholder: string | undefined,
  description: string,
): ValueKind | undefined {
  switch (placeholder) {
    case undefined:
      return undefined;
    case 'dir':
      return 'directory';
    case 'file':
    case 'path':
      return 'file';
    case 'signal':
      return 'signal';
    case 'format':
      return /: (\w+) or (\w+)/.exec(description)?.slice(1) ?? 'text';
    default:
      if (long === '--network') return 'network';
      return placeholder.includes('|') ? placeholder.split('|') : 'text';
  }
}

function argumentKind(command: string, name: string): ValueKind {
  if (name === 'container-id') return newContainer.has(command) ? 'text' : 'container';
  if (name === 'bundle') return 'directory';
  if (name === 'signal') return 'signal';
  if (name.includes('|')) return name.split('|');
  if (name === 'name' && command.startsWith('network ') && command !== 'network create') return 'network';
  if (name === 'container' && command.startsWith('container ')) return 'named';
  if (name === 'image' || name === 'volume') return name;
  if (name === 'reference' && command === 'image push') return 'image';
  if (name === 'context') return 'directory';
  return 'text';
}

/** Commands whose argument is the id of a container that does not exist yet. */
const newContainer: ReadonlySet<string> = new Set(['create', 'run']);

/** Returns the words that may follow the words of a group, or the first words: `create`, `network`. */
export function commandWordsAfter(
  { groups, commands }: ProgramWords,
  group?: string,
): { readonly name: string; readonly summary: string }[] {
  if (group === undefined) {
    const single = commands.filter(({ name }) => !name.includes(' '));
    return [...single, ...groups, { name: 'help', summary: 'show help for the program or one command' }];
  }
  return commands
    .filter(({ name }) => name.startsWith(`${group} `))
    .map(({ name, summary }) => ({ name: name.slice(group.length + 1), summary }));
}

/**
 * Arguments of tsubo that print values of a kind, one in a line; with the sed script that finds the values in a table.
 * `container` has the ids of the runtime's commands, `named` the names of containers of images.
 */
const listers = {
  container: { words: 'list -q' },
  network: { words: 'network ls -q' },
  volume: { words: 'volume ls -q' },
  named: { words: 'container ls -a', sed: '1!s/.* //p' },
  image: { words: 'image ls', sed: '1!s/^\\([^ ]*\\)  *\\([^ ]*\\) .*/\\1:\\2/p' },
};

export const listed = Object.keys(listers) as readonly Listed[];

export function isListed(kind: ValueKind): kind is Listed {
  return typeof kind === 'string' && Object.hasOwn(listers, kind);
}

/** Returns a shell command that prints the values, and nothing if it fails. */
export function listCommand(kind: Listed, program: string): string {
  const { words, sed }: { words: string; sed?: string } = listers[kind];
  return `${program} ${words} 2>/dev/null${sed === undefined ? '' : ` | sed -n '${sed}'`}`;
}

/** The signals that are offered: those in common use. */
export const signals: readonly string[] = [
  ...['TERM', 'KILL', 'INT', 'HUP', 'QUIT', 'STOP', 'CONT', 'USR1', 'USR2', 'WINCH'],
];

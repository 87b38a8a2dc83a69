// SPDX-License-Identifier: Apache-2.0
import type { Command, Option } from 'commander';
import { wrap } from '../errors/layout.ts';
import type { CommandGroup, CommandModule } from './command.ts';
import { version } from './version.ts';

/** The maximum width of the first column; after a wider entry, the text starts on the next line. */
const widest = 30;
const widestLine = 100;
const indentation = '   ';

/** Returns the help page of the program. Tests of engines read its first two lines. */
export function programHelp(
  program: Command,
  modules: readonly (CommandModule | CommandGroup)[],
  columns?: number,
): string {
  const width = lineWidth(columns);
  const name = program.name();
  const commands = modules.map(module => [module.name, module.summary] as const);
  return page([
    ['NAME', [`${name} - Open Container Initiative runtime`]],
    ['USAGE', hanging(`${name} [global options] command [command options] [arguments...]`, width)],
    ['VERSION', [version]],
    ['COMMANDS', entries([...commands, ['help, h', 'show help for the program or one command']], width)],
    ['GLOBAL OPTIONS', entries(optionEntries(program.options), width)],
    [
      'EXAMPLE',
      [
        '# In a bundle (a directory with config.json and a root file system): print the steps, run, list.',
        'tsubo plan .',
        'tsubo run my-container',
        'tsubo list',
      ].flatMap(line => exampleLines(line, name, width)),
    ],
  ]);
}

/** Returns the help page of a group of commands. */
export function groupHelp(program: Command, group: CommandGroup, columns?: number): string {
  const width = lineWidth(columns);
  const name = `${program.name()} ${group.name}`;
  const commands = group.commands.map(
    command => [command.name.slice(group.name.length + 1), command.summary] as const,
  );
  return page([
    ['NAME', hanging(`${name} - ${group.summary}`, width)],
    ['USAGE', hanging(`${name} command [command options] [arguments...]`, width)],
    [
      'COMMANDS',
      entries([...commands, ['help', `show help for ${group.name} or one of its commands`]], width),
    ],
    ['EXAMPLE', group.example.flatMap(line => exampleLines(line, program.name(), width))],
  ]);
}

/** Returns the help page of a command. */
export function commandHelp(
  program: Command,
  module: CommandModule,
  command: Command,
  columns?: number,
): string {
  const width = lineWidth(columns);
  const name = `${program.name()} ${module.name}`;
  const operands = operandsOf(command);
  const described = command.registeredArguments.map(
    (argument, index) => [operands[index] ?? '', argument.description] as const,
  );
  return page([
    ['NAME', hanging(`${name} - ${module.summary}`, width)],
    ['USAGE', hanging(usageLine(name, command), width)],
    ['ARGUMENTS', entries(described, width)],
    ['OPTIONS', entries([...optionEntries(command.options), ['--help, -h', 'show this page']], width)],
    ['EXAMPLE', module.example.flatMap(line => exampleLines(line, program.name(), width))],
  ]);
}

/**
 * For example `tsubo run [options] <container-id>`.
 *
 * @param name - the names of the program and the command
 */
export function usageLine(name: string, command: Command): string {
  return [name, '[options]', ...operandsOf(command)].join(' ');
}

export function operandsOf(command: Command): string[] {
  return command.registeredArguments.map(argument =>
    argument.required ? `<${argument.name()}>` : `[${argument.name()}${argument.variadic ? '...' : ''}]`,
  );
}

type Entry = readonly [head: string, text: string];

function optionEntries(options: readonly Option[]): Entry[] {
  return options.filter(({ hidden }) => !hidden).map(option => [optionHead(option), option.description]);
}

/** For example `--bundle dir, -b dir`. */
export function optionHead(option: Option): string {
  const value = /<(.+?)(?:\.\.\.)?>/.exec(option.flags)?.[1];
  const names = [option.long, option.short].filter(name => name !== undefined);
  return names.map(name => (value === undefined ? name : `${name} ${value}`)).join(', ');
}

function page(sections: readonly (readonly [title: string, lines: readonly string[]])[]): string {
  return sections
    .filter(([, lines]) => lines.length > 0)
    .map(([title, lines]) => `${title}:\n${lines.map(line => indentation + line).join('\n')}\n`)
    .join('\n');
}

/** Returns the width of a line without the indentation, limited by the terminal's width if there is one. */
function lineWidth(columns: number | undefined): number {
  return Math.min(widestLine, (columns ?? widestLine) - indentation.length);
}

/** Wraps a comment of an example. A command stays one line, which can be copied, with the program's actual name. */
function exampleLines(line: string, name: string, width: number): string[] {
  if (!line.startsWith('# ')) return [line.replace(/^tsubo/, name)];
  return wrap(line.slice(2), width - 2).map(part => `# ${part}`);
}

/** Wraps one entry with indented continuation lines. */
function hanging(text: string, width: number): string[] {
  return wrap(text, width - 2).map((line, index) => (index === 0 ? line : `  ${line}`));
}

/** Formats two columns and wraps the second one. */
function entries(list: readonly Entry[], lineWidth: number): string[] {
  const width = Math.min(widest, Math.max(0, ...list.map(([head]) => head.length)));
  return list.flatMap(([head, text]) => {
    const [first = '', ...more] = wrap(text, lineWidth - width - 2);
    const indent = ' '.repeat(width + 2);
    if (head.length > width) return [head, ...[first, ...more].map(line => indent + line)];
    return [`${head.padEnd(width)}  ${first}`, ...more.map(line => indent + line)];
  });
}

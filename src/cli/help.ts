// SPDX-License-Identifier: Apache-2.0
import type { Command, Option } from 'commander';
import type { CommandModule } from './command.ts';
import { version } from './version.ts';

/** Columns before which the text of an entry starts at the latest; a longer entry has it on the next line. */
const widest = 30;
const lineWidth = 100;

/** The page of the program. Tests of engines read the first two lines. */
export function programHelp(program: Command, modules: readonly CommandModule[]): string {
  const name = program.name();
  const commands = modules.map(module => [module.name, module.summary] as const);
  return page([
    ['NAME', [`${name} - Open Container Initiative runtime`]],
    ['USAGE', [`${name} [global options] command [command options] [arguments...]`]],
    ['VERSION', [version]],
    ['COMMANDS', entries([...commands, ['help, h', 'tell about the program or one command']])],
    ['GLOBAL OPTIONS', entries(optionEntries(program.options))],
    [
      'EXAMPLE',
      [
        '# In a bundle, a directory with a config.json and a root file system: look, run, see what is there.',
        `${name} plan .`,
        `${name} run my-container`,
        `${name} list`,
      ],
    ],
  ]);
}

/** The page of one command. */
export function commandHelp(program: Command, module: CommandModule, command: Command): string {
  const name = `${program.name()} ${module.name}`;
  const operands = operandsOf(command);
  const described = command.registeredArguments.map(
    (argument, index) => [operands[index] ?? '', argument.description] as const,
  );
  return page([
    ['NAME', [`${name} - ${module.summary}`]],
    ['USAGE', [usageLine(name, command)]],
    ['ARGUMENTS', entries(described)],
    ['OPTIONS', entries([...optionEntries(command.options), ['--help, -h', 'show this page']])],
    ['EXAMPLE', module.example.map(line => line.replace(/^tsubo/, program.name()))],
  ]);
}

/**
 * `tsubo run [options] <container-id>`
 *
 * @param name - of the program and the command
 */
export function usageLine(name: string, command: Command): string {
  return [name, '[options]', ...operandsOf(command)].join(' ');
}

function operandsOf(command: Command): string[] {
  return command.registeredArguments.map(argument =>
    argument.required ? `<${argument.name()}>` : `[${argument.name()}${argument.variadic ? '...' : ''}]`,
  );
}

type Entry = readonly [head: string, text: string];

function optionEntries(options: readonly Option[]): Entry[] {
  return options.filter(({ hidden }) => !hidden).map(option => [optionHead(option), option.description]);
}

/** `--bundle dir, -b dir` */
function optionHead(option: Option): string {
  const value = /<(.+?)(?:\.\.\.)?>/.exec(option.flags)?.[1];
  const names = [option.long, option.short].filter(name => name !== undefined);
  return names.map(name => (value === undefined ? name : `${name} ${value}`)).join(', ');
}

function page(sections: readonly (readonly [title: string, lines: readonly string[]])[]): string {
  return sections
    .filter(([, lines]) => lines.length > 0)
    .map(([title, lines]) => `${title}:\n${lines.map(line => `   ${line}`).join('\n')}\n`)
    .join('\n');
}

/** Two columns, the second one wrapped. */
function entries(list: readonly Entry[]): string[] {
  const width = Math.min(widest, Math.max(0, ...list.map(([head]) => head.length)));
  return list.flatMap(([head, text]) => {
    const [first = '', ...more] = wrap(text, lineWidth - width - 2);
    const indent = ' '.repeat(width + 2);
    if (head.length > width) return [head, ...[first, ...more].map(line => indent + line)];
    return [`${head.padEnd(width)}  ${first}`, ...more.map(line => indent + line)];
  });
}

function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    if (last === undefined || last.length + 1 + word.length > width) lines.push(word);
    else lines[lines.length - 1] = `${last} ${word}`;
  }
  return lines;
}

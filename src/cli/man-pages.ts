// SPDX-License-Identifier: Apache-2.0
import { Command, type Option } from 'commander';
import { type CommandGroup, type CommandModule, isGroup } from './command.ts';
import { modules } from './commands/index.ts';
import { defineGlobals } from './globals.ts';
import { operandsOf, optionHead, usageLine } from './help.ts';
import { version } from './version.ts';

/** Returns the manual pages, made from the texts of the help: file name and content (man-pages(7), groff_man(7)). */
export function manPages(): ReadonlyMap<string, string> {
  const pages = new Map([['tsubo.1', programPage()]]);
  for (const entry of modules) {
    if (!isGroup(entry)) {
      pages.set(fileOf(entry.name), commandPage(entry));
      continue;
    }
    pages.set(fileOf(entry.name), groupPage(entry));
    for (const command of entry.commands) pages.set(fileOf(command.name), commandPage(command));
  }
  return pages;
}

function programPage(): string {
  const program = new Command('tsubo');
  defineGlobals(program);
  return page('tsubo', 'Open Container Initiative runtime', [
    section('SYNOPSIS', [bold('tsubo [global options] command [command options] [arguments...]')]),
    section(
      'COMMANDS',
      modules.flatMap(({ name, summary }) => tagged(name, summary)),
    ),
    section('GLOBAL OPTIONS', program.options.flatMap(optionLines)),
    section('SEE ALSO', [seeAlso(modules.map(({ name }) => name))]),
  ]);
}

function groupPage({ name, summary, commands, example }: CommandGroup): string {
  return page(`tsubo ${name}`, summary, [
    section('SYNOPSIS', [bold(`tsubo ${name} command [command options] [arguments...]`)]),
    section(
      'COMMANDS',
      commands.flatMap(command => tagged(command.name.slice(name.length + 1), command.summary)),
    ),
    section('EXAMPLE', exampleLines(example)),
    section('SEE ALSO', [seeAlso(['', ...commands.map(command => command.name)])]),
  ]);
}

function commandPage(module: CommandModule): string {
  const command = new Command(module.name);
  module.define(command);
  const operands = operandsOf(command);
  const described = command.registeredArguments.flatMap(({ description }, index) =>
    tagged(operands[index] ?? '', description),
  );
  return page(`tsubo ${module.name}`, module.summary, [
    section('SYNOPSIS', [bold(usageLine(`tsubo ${module.name}`, command))]),
    section('ARGUMENTS', described),
    section('OPTIONS', command.options.filter(({ hidden }) => !hidden).flatMap(optionLines)),
    section('EXAMPLE', exampleLines(module.example)),
    section('SEE ALSO', [seeAlso([''])]),
  ]);
}

function fileOf(name: string): string {
  return `${pageName(`tsubo ${name}`)}.1`;
}

function pageName(name: string): string {
  return name.trim().replaceAll(' ', '-');
}

function page(name: string, summary: string, sections: readonly string[]): string {
  const title = pageName(name);
  const head = [
    `.TH ${title.toUpperCase()} 1 "" "tsubo ${version}"`,
    '.SH NAME',
    // man-db reads the name and the summary from this line, with this minus sign.
    `${plain(title)} \\- ${plain(summary)}`,
  ];
  return `${[...head, ...sections.filter(text => text !== '')].join('\n')}\n`;
}

function section(title: string, lines: readonly string[]): string {
  return lines.length === 0 ? '' : [`.SH ${title}`, ...lines].join('\n');
}

function optionLines(option: Option): string[] {
  return tagged(optionHead(option), option.description);
}

/** Returns a paragraph with a bold head. */
function tagged(head: string, text: string): string[] {
  return ['.TP', bold(head), plain(text)];
}

/** Commands as they are typed; a comment is a paragraph. */
function exampleLines(lines: readonly string[]): string[] {
  return lines.flatMap(line =>
    line.startsWith('# ') ? ['.PP', plain(line.slice(2))] : ['.PP', '.EX', plain(line), '.EE'],
  );
}

function seeAlso(names: readonly string[]): string {
  return names.map(name => `\\fB${plain(pageName(`tsubo ${name}`))}\\fR(1)`).join(',\n');
}

function bold(text: string): string {
  return `\\fB${plain(text)}\\fR`;
}

/** Text without requests and escapes. A minus sign can be copied; a hyphen of the formatter cannot. */
function plain(text: string): string {
  return text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replace(/^(?=[.'])/gm, '\\&');
}

// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import type { CommandGroup, CommandModule } from '../../../src/cli/command.ts';
import { groupHelp } from '../../../src/cli/help.ts';
import { type Invocation, parse } from '../../../src/cli/parse.ts';

const start: CommandModule = {
  name: 'boat launch',
  summary: 'launch a boat',
  example: ['tsubo boat launch one'],
  optionsFirst: true,
  shortOptionsCombine: true,
  failureStatus: 125,
  define(command) {
    command
      .argument('<name>', 'the name')
      .argument('[words...]', 'the rest')
      .option('-i, --interactive', 'a switch')
      .option('-t, --tty', 'a switch')
      .option('-h, --host <name>', 'a value')
      .option('-p, --publish <map...>', 'values');
  },
  run: () => 0,
};
const list: CommandModule = {
  name: 'boat ls',
  summary: 'list the boats',
  example: [],
  define: command => void command.option('-q, --quiet', 'a switch'),
  run: () => 0,
};
const boat: CommandGroup = {
  name: 'boat',
  summary: 'launch and list boats',
  example: ['tsubo boat ls'],
  commands: [start, list],
};

function read(line: string): Invocation['action'] {
  return parse('tsubo', line.split(' '), [boat]).action;
}

function parsed(line: string) {
  const action = read(line);
  if (action.kind === 'usage-error') throw action.error;
  if (action.kind !== 'run') throw new Error(action.kind);
  const { module, args, options } = action;
  return { name: module.name, args, options };
}

describe('a group of commands', () => {
  it('finds the command by its second word, with global options around both', () => {
    expect(parsed('boat ls -q')).toEqual({ name: 'boat ls', args: [], options: { quiet: true } });
    expect(parse('tsubo', ['--root', '/r', 'boat', '--debug', 'ls'], [boat])).toMatchObject({
      globals: new Map<string, string | true>([
        ['root', '/r'],
        ['debug', true],
      ]),
      action: { kind: 'run', module: list },
    });
  });

  it.each(['boat', 'boat help', 'boat --help', 'help boat'])('prints its page for: %s', line => {
    expect(read(line)).toMatchObject({ kind: 'help', group: boat });
  });

  it.each(['boat help ls', 'boat ls --help', 'boat --help ls', 'help boat ls'])(
    'prints the page of a command for: %s',
    line => {
      expect(read(line)).toMatchObject({ kind: 'help', module: list });
    },
  );

  it('lists its commands on its page', () => {
    const action = read('boat');
    if (action.kind !== 'help') throw new Error(action.kind);
    expect(groupHelp(action.program, boat)).toBe(
      [
        'NAME:',
        '   tsubo boat - launch and list boats',
        '',
        'USAGE:',
        '   tsubo boat command [command options] [arguments...]',
        '',
        'COMMANDS:',
        '   launch  launch a boat',
        '   ls      list the boats',
        '   help    show help for boat or one of its commands',
        '',
        'EXAMPLE:',
        '   tsubo boat ls',
        '',
      ].join('\n'),
    );
  });

  it('refuses an unknown second word with the nearest one', () => {
    expect(read('boat lanch')).toMatchObject({
      error: {
        code: 'usage.unknown-command',
        message: 'unknown command "lanch" of boat',
        hint: 'did you mean launch? (see tsubo boat --help)',
      },
    });
  });

  it('names the command of a wrong option, which decides the exit status', () => {
    expect(read('boat launch --pub x one')).toMatchObject({
      kind: 'usage-error',
      module: { failureStatus: 125 },
      error: { code: 'usage.unknown-option', message: 'unknown option --pub' },
    });
  });
});

describe('combined short options', () => {
  it.each([
    ['-it one', { interactive: true, tty: true }],
    ['-ip8800:80 one', { interactive: true, publish: ['8800:80'] }],
    ['-p=80:80 -p 81:81 one', { publish: ['80:80', '81:81'] }],
    ['-itp 80:80 one', { interactive: true, tty: true, publish: ['80:80'] }],
    ['-i=false -t=true one', { tty: true }],
    ['-hname one', { host: 'name' }],
  ])('are read one by one: %s', (line, options) => {
    expect(parsed(`boat launch ${line}`)).toEqual({ name: 'boat launch', args: ['one'], options });
  });

  it('leave the words after the first argument unchanged', () => {
    expect(parsed('boat launch -i one ls -la -p 3')).toMatchObject({
      args: ['one', 'ls', '-la', '-p', '3'],
      options: { interactive: true },
    });
  });

  it.each([
    ['-ix one', 'unknown option -x'],
    ['-t=maybe one', 'invalid value "maybe" for -t'],
    ['-ip', 'option -p requires a value'],
    ['-interactive one', 'unknown option -n'],
  ])('are refused by their letter: %s', (line, message) => {
    expect(read(`boat launch ${line}`)).toMatchObject({ kind: 'usage-error', error: { message } });
  });
});

// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { modules } from '../../../src/cli/commands/index.ts';
import { type Invocation, parse } from '../../../src/cli/parse.ts';

/** The command line as words; a word in quotes may be empty or hold blanks. */
function read(line: string): Invocation {
  const words = (line.match(/'[^']*'|\S+/g) ?? []).map(word => word.replace(/^'|'$/g, ''));
  return parse('tsubo', words, modules);
}

/** What is asked for, in one line: command, arguments, options that are not defaults, globals. */
function summary({ ask, globals }: Invocation): string {
  const words: string[] = [ask.kind === 'run' ? ask.module.name : ask.kind];
  if (ask.kind === 'run') {
    words.push(...ask.args);
    const untouched: Record<string, unknown> = { pivot: true, newKeyring: true, subreaper: true };
    for (const [name, value] of Object.entries(ask.options)) {
      if (untouched[name] !== value) words.push(`${name}=${value}`);
    }
  }
  if (ask.kind === 'help' && ask.module !== undefined) words.push(ask.module.name);
  for (const [name, value] of globals) words.push(`@${name}=${value}`);
  return words.join(' ');
}

describe('a good command line', () => {
  it.each([
    // What engines write.
    [
      '--root /r --log /l --log-format json create --bundle /b --pid-file /p web',
      'create web bundle=/b pidFile=/p @root=/r @log=/l @log-format=json',
    ],
    [
      '--log-format=json --log /l create --bundle /b --pid-file /p --preserve-fds 2 web',
      'create web bundle=/b pidFile=/p preserveFds=2 @log-format=json @log=/l',
    ],
    [
      'create --bundle /b --pid-file /p --no-pivot --no-new-keyring web',
      'create web pivot=false newKeyring=false bundle=/b pidFile=/p',
    ],
    ['--root /r delete --force web', 'delete web force=true @root=/r'],
    ['kill --all web 9', 'kill web 9 all=true'],
    ['kill web KILL', 'kill web KILL'],
    ['list --format=json', 'list format=json'],
    ['--log /l --log-format json run --bundle /b web', 'run web bundle=/b @log=/l @log-format=json'],
    // One dash or two.
    ['create -bundle /b web', 'create web bundle=/b'],
    ['create -b /b web', 'create web bundle=/b'],
    ['create --b /b web', 'create web bundle=/b'],
    ['run -no-subreaper web', 'run web subreaper=false'],
    ['-debug state web', 'state web @debug=true'],
    // Values.
    ['create --bundle=/b web', 'create web bundle=/b'],
    ['create -b=/b web', 'create web bundle=/b'],
    ['create --bundle=a=b web', 'create web bundle=a=b'],
    ['create --bundle --pid-file web', 'create web bundle=--pid-file'],
    ['create --pid-file -x web', 'create web pidFile=-x'],
    ["create --bundle '' web", 'create web bundle='],
    ['create --bundle= web', 'create web bundle='],
    ['create --bundle /a --bundle /b web', 'create web bundle=/b'],
    ['create --preserve-fds=3 web', 'create web preserveFds=3'],
    // Switches.
    ['run --detach web', 'run web detach=true'],
    ['run -d --keep web', 'run web detach=true keep=true'],
    ['run --detach=true web', 'run web detach=true'],
    ['run --detach=false web', 'run web'],
    ['run -d=0 web', 'run web'],
    ['run -d --detach=F web', 'run web'],
    ['create --no-pivot=false web', 'create web'],
    // Options between and after arguments.
    ['delete web --force', 'delete web force=true'],
    ['create web --bundle /b', 'create web bundle=/b'],
    ['plan /b --format json', 'plan /b format=json'],
    // Global options after the command.
    ['state --root /r web', 'state web @root=/r'],
    ['state web --debug --log=/l', 'state web @debug=true @log=/l'],
    ['--root /a state web --root /b', 'state web @root=/b'],
    // kill stops looking at its first argument.
    ['kill web -9', 'kill web -9'],
    ['kill web --all', 'kill web --all'],
    ['kill -a web 15', 'kill web 15 all=true'],
    // The end of options.
    ['delete -- --force', 'delete --force'],
    ['create --bundle /b -- web', 'create web bundle=/b'],
    ['state -', 'state -'],
    // No command, help, version.
    ['', 'help'],
    ['--debug', 'help @debug=true'],
    ['-h', 'help'],
    ['--help', 'help'],
    ['help', 'help'],
    ['h', 'help'],
    ['help create', 'help create'],
    ['create -h', 'help create'],
    ['create --help', 'help create'],
    ['create web extra -help', 'help create'],
    ['-h create', 'help create'],
    ['-v', 'version @version=true'],
    ['--version', 'version @version=true'],
    ['-version create', 'version @version=true'],
    ['--root /r --version', 'version @root=/r @version=true'],
  ])('%s', (line, expected) => {
    expect(summary(read(line))).toBe(expected);
  });
});

describe('a bad command line', () => {
  it.each([
    ['foo', 'usage.unknown-command', "No help topic for 'foo'"],
    ['foo -h', 'usage.unknown-command', "No help topic for 'foo'"],
    ['help foo', 'usage.unknown-command', "No help topic for 'foo'"],
    ['--debug foo --bar', 'usage.unknown-command', "No help topic for 'foo'"],
    ['-x', 'usage.unknown-option', 'flag provided but not defined: -x'],
    ['create -x web', 'usage.unknown-option', 'flag provided but not defined: -x'],
    ['create --x=y web', 'usage.unknown-option', 'flag provided but not defined: -x'],
    ['run -dk web', 'usage.unknown-option', 'flag provided but not defined: -dk'],
    ['create ---bundle /b web', 'usage.unknown-option', 'bad flag syntax: ---bundle'],
    ['create --=x web', 'usage.unknown-option', 'bad flag syntax: --=x'],
    ['create web --bundle', 'usage.missing-value', 'flag needs an argument: --bundle'],
    ['--root', 'usage.missing-value', 'flag needs an argument: --root'],
    ['run --detach=maybe web', 'usage.bad-value', 'invalid boolean value "maybe" for -detach: parse error'],
    [
      'create --preserve-fds x web',
      'usage.bad-value',
      'invalid value "x" for flag -preserve-fds: parse error',
    ],
    [
      'create --preserve-fds -1 web',
      'usage.bad-value',
      'invalid value "-1" for flag -preserve-fds: parse error',
    ],
    ['create', 'usage.arguments', 'tsubo: "create" requires exactly 1 argument(s)'],
    ['create a b', 'usage.arguments', 'tsubo: "create" requires exactly 1 argument(s)'],
    ['list a', 'usage.arguments', 'tsubo: "list" requires exactly 0 argument(s)'],
    ['kill', 'usage.arguments', 'tsubo: "kill" requires a minimum of 1 argument(s)'],
    ['kill web 9 x', 'usage.arguments', 'tsubo: "kill" requires a maximum of 2 argument(s)'],
    ['kill web 9 -x', 'usage.arguments', 'tsubo: "kill" requires a maximum of 2 argument(s)'],
  ])('%s', (line, code, message) => {
    const { ask } = read(line);
    if (ask.kind !== 'usage-error') throw new Error(`it is ${ask.kind}`);
    expect({ code: ask.error.code, message: ask.error.message }).toEqual({ code, message });
  });

  it('keeps the log that was named before the slip', () => {
    const { ask, globals } = read('--log /l create --nope web');
    expect(ask.kind).toBe('usage-error');
    expect(globals.get('log')).toBe('/l');
  });

  it('suggests the command that was meant', () => {
    const { ask } = read('strat web');
    expect(ask.kind === 'usage-error' && ask.error.hint).toBe('did you mean start?');
  });
});

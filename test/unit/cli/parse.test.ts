// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { modules } from '../../../src/cli/commands/index.ts';
import { type Invocation, parse } from '../../../src/cli/parse.ts';

/** Splits a command line into words; a quoted word may be empty or contain blanks. */
function read(line: string): Invocation {
  const words = (line.match(/'[^']*'|\S+/g) ?? []).map(word => word.replace(/^'|'$/g, ''));
  return parse('tsubo', words, modules);
}

/** The parsed line as text: command, arguments, options without their defaults, globals. */
function summary({ action, globals }: Invocation): string {
  const words: string[] = [action.kind === 'run' ? action.module.name : action.kind];
  if (action.kind === 'run') {
    words.push(...action.args);
    const untouched: Record<string, unknown> = {
      pivot: true,
      newKeyring: true,
      subreaper: true,
      newPrivs: true,
    };
    for (const [name, value] of Object.entries(action.options)) {
      if (untouched[name] !== value) words.push(`${name}=${value}`);
    }
  }
  if (action.kind === 'help' && action.module !== undefined) words.push(action.module.name);
  for (const [name, value] of globals) words.push(`@${name}=${value}`);
  return words.join(' ');
}

describe('a good command line', () => {
  it.each([
    // Command lines of engines.
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
    // kill parses no options after its first argument.
    ['kill web -9', 'kill web -9'],
    ['kill web --all', 'kill web --all'],
    ['kill -a web 15', 'kill web 15 all=true'],
    // The end of options, also before the program.
    ['exec web -- ls -l', 'exec web ls -l'],
    ['exec -- web ls', 'exec web ls'],
    ['exec web ls -- -l', 'exec web ls -- -l'],
    // As in Docker, the first argument ends the options of a container command, and `--` after it is a word like any other.
    ['container run busybox -- -l', 'container run busybox -- -l healthcheck=true'],
    ['container exec web -- ls', 'container exec web -- ls'],
    ['container run -- busybox ls', 'container run busybox ls healthcheck=true'],
    ['ps web -- -o pid', 'ps web -o pid'],
    // -f is --format in every position.
    ['plan -f json /b', 'plan /b format=json'],
    ['check -f json /b', 'check /b format=json'],
    ['list -f json', 'list format=json'],
    ['ps -f json web', 'ps web format=json'],
    ['plan', 'plan'],
    ['check --bundle /b', 'check bundle=/b'],
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
    ['foo', 'usage.unknown-command', `unknown command "foo": No help topic for 'foo'`],
    ['foo -h', 'usage.unknown-command', `unknown command "foo": No help topic for 'foo'`],
    ['help foo', 'usage.unknown-command', `unknown command "foo": No help topic for 'foo'`],
    ['--debug foo --bar', 'usage.unknown-command', `unknown command "foo": No help topic for 'foo'`],
    ['-x', 'usage.unknown-option', 'unknown option -x'],
    ['create -x web', 'usage.unknown-option', 'unknown option -x'],
    ['create --x=y web', 'usage.unknown-option', 'unknown option --x'],
    ['run -dk web', 'usage.unknown-option', 'unknown option -dk'],
    ['create ---bundle /b web', 'usage.unknown-option', 'bad flag syntax: ---bundle'],
    ['create --=x web', 'usage.unknown-option', 'bad flag syntax: --=x'],
    ['create web --bundle', 'usage.missing-value', 'option --bundle requires a value'],
    ['--root', 'usage.missing-value', 'option --root requires a value'],
    ['run --detach=maybe web', 'usage.bad-value', 'invalid value "maybe" for --detach'],
    ['create --preserve-fds x web', 'usage.bad-value', 'invalid value "x" for --preserve-fds'],
    ['create --preserve-fds -1 web', 'usage.bad-value', 'invalid value "-1" for --preserve-fds'],
    ['create', 'usage.arguments', 'missing argument <container-id>: tsubo create [options] <container-id>'],
    ['create a b', 'usage.arguments', 'unexpected argument "b": tsubo create [options] <container-id>'],
    ['list a', 'usage.arguments', 'unexpected argument "a": tsubo list [options]'],
    [
      'kill',
      'usage.arguments',
      'missing argument <container-id>: tsubo kill [options] <container-id> [signal]',
    ],
    [
      'kill web 9 x',
      'usage.arguments',
      'unexpected argument "x": tsubo kill [options] <container-id> [signal]',
    ],
    [
      'kill web 9 -x',
      'usage.arguments',
      'unexpected argument "-x": tsubo kill [options] <container-id> [signal]',
    ],
  ])('%s', (line, code, message) => {
    const { action } = read(line);
    if (action.kind !== 'usage-error') throw new Error(`it is ${action.kind}`);
    expect({ code: action.error.code, message: action.error.message }).toEqual({ code, message });
  });

  it('keeps a log file that precedes the error', () => {
    const { action, globals } = read('--log /l create --nope web');
    expect(action.kind).toBe('usage-error');
    expect(globals.get('log')).toBe('/l');
  });

  it.each([
    // The suggested command.
    ['strat web', 'did you mean start? (see tsubo --help)'],
    ['rum web', 'did you mean run? (see tsubo --help)'],
    ['stop web', 'did you mean kill? (see tsubo --help)'],
    ['constructor', 'see tsubo --help'],
    ['quux', 'see tsubo --help'],
    ['exit', 'see tsubo --help'],
    // The suggested option.
    ['run --bundel . web', 'did you mean --bundle? (see tsubo run --help)'],
    ['run -bundel . web', 'did you mean --bundle? (see tsubo run --help)'],
    ['state --rooot /r web', 'did you mean --root? (see tsubo state --help)'],
    ['--rooot /r list', 'did you mean --root? (see tsubo --help)'],
    ['update --cpu-shares 5 web', 'did you mean --cpu-share? (see tsubo update --help)'],
    ['run --constructor web', 'see tsubo run --help'],
    // kill --all is not listed in the help.
    ['kill --alll web', 'see tsubo kill --help'],
    // Short options, combined.
    [
      'exec -it web sh',
      'write -t: short options are not combined; there is no -i: standard input is always passed to the program (see tsubo exec --help)',
    ],
    ['exec -td web sh', 'write -t -d: short options are not combined (see tsubo exec --help)'],
    ['exec -i web sh', 'standard input is always passed to the program (see tsubo exec --help)'],
    ['run -dk web', 'write -d: short options are not combined; there is no -k (see tsubo run --help)'],
    ['list -xy', 'see tsubo list --help'],
    ['run --tty web', 'set process.terminal in config.json for a terminal (see tsubo run --help)'],
    // Values and arguments.
    ['create web --bundle', 'write --bundle <dir> (see tsubo create --help)'],
    ['run --detach=maybe web', 'use true or false (see tsubo run --help)'],
    ['start', 'see tsubo start --help'],
  ])('%s has the hint: %s', (line, hint) => {
    const { action } = read(line);
    expect(action.kind === 'usage-error' && action.error.hint).toBe(hint);
  });
});

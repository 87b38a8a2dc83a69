// SPDX-License-Identifier: Apache-2.0
import { RuntimeError } from '../../errors/error.ts';
import { toRuntimeError } from '../../errors/system.ts';
import { type ExecOptions, execInContainer } from '../../lifecycle/exec.ts';
import type { OptionNames } from '../../lifecycle/exec-process.ts';
import type { CommandModule } from '../command.ts';
import { wholeNumber } from '../options.ts';

const optionNames: OptionNames = {
  cwd: '--cwd',
  env: '--env',
  user: '--user',
  additionalGids: '--additional-gids',
  tty: '--tty',
  capabilities: '--cap',
  selinuxLabel: '--process-label',
  apparmorProfile: '--apparmor',
};

/** Exit status for a failure of the runtime, not of the program. */
const exitOwnFailure = 255;

export const exec: CommandModule = {
  name: 'exec',
  summary: 'run a program in a container that is created or running',
  example: ['tsubo exec web ls -l /', 'tsubo exec --user 1000:100 --cwd /tmp --env A=1 web sh -c env'],
  // The words after the id belong to the program.
  optionsFirst: true,
  foreignOptions: {
    i: 'standard input is always passed to the program',
    interactive: 'standard input is always passed to the program',
    workdir: 'write --cwd',
    w: 'write --cwd',
    privileged: 'add single capabilities with --cap',
  },
  define(command) {
    command
      .argument('<container-id>', 'a container that is created or running')
      .argument('[command...]', 'the program and its arguments; none with --process')
      .option(
        '-p, --process <file>',
        'a process document (JSON); properties that it lacks, except args and terminal, are those of the container',
      )
      .option('--cwd <dir>', 'the working directory in the container')
      .option('-e, --env <pair...>', 'add NAME=value to the environment; may be repeated')
      .option('-u, --user <uid[:gid]>', 'numeric ids of the user and the group')
      .option('-g, --additional-gids <gid...>', 'add a group by its numeric id; may be repeated')
      .option('-t, --tty', 'give the program a terminal')
      .option(
        '--console-socket <path>',
        'with --detach: Unix socket that receives the master of the terminal',
      )
      .option('--pidfd-socket <path>', 'Unix socket that receives a pidfd of the program')
      .option('-d, --detach', 'return as soon as the program runs')
      .option('--pid-file <file>', 'write the process id of the program to this file')
      .option('--process-label <label>', 'the SELinux label of the program')
      .option('--apparmor <profile>', 'the AppArmor profile of the program')
      .option('--no-new-privs', 'the program cannot gain privileges')
      .option('-c, --cap <name...>', 'add a capability, such as CAP_KILL; may be repeated')
      .option(
        '--preserve-fds <count>',
        'pass this number of descriptors, from 3 on, to the program (default: 0)',
        text => wholeNumber('preserve-fds', text),
      )
      .option('--cgroup <path>', "an existing cgroup below the container's")
      .option('--ignore-paused', 'allow a paused container: the program runs when it is resumed');
  },
  run({ runtime, report }, [id = '', ...args], options) {
    try {
      return execInContainer(runtime, id, execOptions(args, options));
    } catch (error) {
      const failure = toRuntimeError(error);
      report(failure.with({ message: `exec failed: ${failure.message}` }));
      runtime.binding.endBySignal();
      return exitOwnFailure;
    }
  },
};

function execOptions(args: readonly string[], options: Readonly<Record<string, unknown>>): ExecOptions {
  const text = (name: string): string | undefined => {
    const value = options[name];
    return typeof value === 'string' && value !== '' ? value : undefined;
  };
  const list = (name: string): string[] => (Array.isArray(options[name]) ? options[name].map(String) : []);
  const process = text('process');
  if (process === undefined && args.length === 0) {
    throw new RuntimeError({
      code: 'usage.arguments',
      message: 'process args cannot be empty',
      hint: 'write the program after the id, or use --process',
    });
  }
  const given = {
    process,
    cwd: text('cwd'),
    pidFile: text('pidFile'),
    consoleSocket: text('consoleSocket'),
    pidfdSocket: text('pidfdSocket'),
    cgroup: text('cgroup'),
    selinuxLabel: text('processLabel'),
    apparmorProfile: text('apparmor'),
    ...userOf(text('user')),
  };
  return {
    ...(Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as ExecOptions),
    args,
    tty: options['tty'] === true,
    env: environment(list('env')),
    additionalGids: list('additionalGids').map(gid => idNumber('additional-gids', gid)),
    capabilities: list('cap'),
    noNewPrivileges: options['newPrivs'] === false,
    preserveFds: typeof options['preserveFds'] === 'number' ? options['preserveFds'] : 0,
    detach: options['detach'] === true,
    ignorePaused: options['ignorePaused'] === true,
    optionNames,
  };
}

/** Accepts numbers only: names would require a lookup in files of the container. */
function userOf(text: string | undefined): { uid?: number; gid?: number } {
  if (text === undefined) return {};
  const [uid = '', gid] = text.split(/:(.*)/s);
  return { uid: idNumber('user', uid), ...(gid !== undefined && { gid: idNumber('user', gid) }) };
}

function idNumber(name: string, text: string): number {
  const largest = 4294967294;
  const number = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN;
  if (number <= largest) return number;
  const isName = /^[a-z_]/i.test(text);
  throw new RuntimeError({
    code: 'usage.bad-value',
    message: `invalid value ${JSON.stringify(text)} for --${name}${isName ? ': names are not looked up' : ''}`,
    value: text,
    hint: isName
      ? text === 'root'
        ? 'root is 0'
        : 'the number is in /etc/passwd or /etc/group of the container'
      : `use a number from 0 to ${largest}`,
  });
}

function environment(pairs: readonly string[]): readonly string[] {
  for (const pair of pairs) {
    if (pair.indexOf('=') > 0) continue;
    throw new RuntimeError({
      code: 'config.process.env',
      message: `the environment variable ${JSON.stringify(pair)} is not of the form NAME=value`,
      value: pair,
    });
  }
  return pairs;
}

// SPDX-License-Identifier: Apache-2.0
import { onHost, toRuntimeError } from '../errors/system.ts';
import type { Binding } from '../host/binding.d.ts';
import { lastComponent } from '../host/paths.ts';
import type { Context } from './command.ts';
import { modules } from './commands/index.ts';
import { logFormat, rootDirectory, rootlessMode } from './globals.ts';
import { commandHelp, groupHelp, programHelp } from './help.ts';
import { Logger } from './log.ts';
import { type Invocation, parse } from './parse.ts';
import { terminalStyle } from './terminal.ts';
import { versionBlock } from './version.ts';

const standardOutput = 1;
const exitFailure = 1;
const exitUnknownCommand = 3;

/** Runs the command line in argv and returns the exit status. */
export function main(binding: Binding): number {
  const [called = '', ...tokens] = binding.argv();
  // Any name except `runc` means `tsubo`, for example the name of a script or of a link in a test.
  const program = lastComponent(called) === 'runc' ? 'runc' : 'tsubo';
  const { action, globals } = parse(program, tokens, modules);
  let logger = new Logger(binding, { file: undefined, format: 'text', debug: false });
  try {
    logger = makeLogger(binding, globals);
    return perform(binding, program, action, globals, logger);
  } catch (error) {
    const failure = toRuntimeError(error);
    logger.failure(failure);
    binding.endBySignal();
    const status = 'module' in action ? action.module?.failureStatus : undefined;
    return status ?? (failure.code === 'usage.unknown-command' ? exitUnknownCommand : exitFailure);
  }
}

function makeLogger(binding: Binding, globals: Invocation['globals']): Logger {
  const file = globals.get('log');
  const logger = new Logger(binding, {
    file: typeof file === 'string' && file !== '' ? file : undefined,
    format: logFormat(globals),
    debug: globals.has('debug'),
  });
  logger.open();
  return logger;
}

function perform(
  binding: Binding,
  program: string,
  action: Invocation['action'],
  globals: Invocation['globals'],
  logger: Logger,
): number {
  const print = (text: string): void =>
    onHost('unable to write to standard output', () => binding.write(standardOutput, text));
  switch (action.kind) {
    case 'version':
      print(versionBlock(program));
      return 0;
    case 'help':
      print(helpPage(action, terminalStyle(binding, standardOutput)?.width));
      return 0;
    case 'usage-error':
      throw action.error;
    case 'run': {
      const context: Context = {
        runtime: {
          binding,
          root: rootDirectory(binding, globals),
          log: logger,
          program,
          systemdCgroup: globals.has('systemd-cgroup'),
          rootless: rootlessMode(globals),
        },
        program,
        rootGiven: globals.has('root'),
        print,
        style: () => terminalStyle(binding, standardOutput) ?? {},
        report: error => logger.failure(toRuntimeError(error)),
      };
      try {
        return action.module.run(context, action.args, action.options);
      } catch (error) {
        const { failurePrefix } = action.module;
        const failure = toRuntimeError(error);
        if (failurePrefix === undefined) throw failure;
        throw failure.with({ message: `${program} ${failurePrefix}${failure.message}` });
      }
    }
  }
}

type HelpAction = Extract<Invocation['action'], { kind: 'help' }>;

function helpPage({ program, module, command, group }: HelpAction, columns: number | undefined): string {
  if (group !== undefined) return groupHelp(program, group, columns);
  if (module === undefined || command === undefined) return programHelp(program, modules, columns);
  return commandHelp(program, module, command, columns);
}

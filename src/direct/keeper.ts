// SPDX-License-Identifier: Apache-2.0
import type { ErrorCode } from '../errors/codes.ts';
import { errno } from '../errors/errno.ts';
import { type ErrorFields, RuntimeError } from '../errors/error.ts';
import { messageIn } from '../errors/render.ts';
import { hostFailure, isSystemError } from '../errors/system.ts';
import type { Binding, ContainerKeeperResult, HealthCheckCommand } from '../host/binding.d.ts';

export interface KeeperOptions {
  /** The container's directory: `log`, `exit.json`, `attach`, `keeper` and `pid` are made there. */
  readonly directory: string;
  /**
   * The command `create` of the runtime with its options and the container's id; begins with `binding.ownCommand()`.
   */
  readonly argv: readonly string[];
  /** `process.terminal` of the container. */
  readonly terminal: boolean;
  /** Standard input is kept open for clients; otherwise it is empty. A terminal is always open. */
  readonly openStdin: boolean;
  /** The size at which the log is rotated, and the number of kept files. With 0 bytes it grows without a limit. */
  readonly logLimit: { readonly bytes: number; readonly files: number };
  /**
   * Executed after the container's end, unless a client has removed the container: the command for `--rm`. Its first
   * word is an absolute path. Default: none.
   */
  readonly atEnd?: readonly string[];
  /** `atEnd` is executed only if the directory then contains the file `restart`. Default false. */
  readonly endsIfMarked?: boolean;
  /** The health check, executed at each interval while the program runs. Default: none. */
  readonly check?: HealthCheckCommand;
}

/** A created container with its keeper: `startContainer` runs its program. */
export interface StartedKeeper {
  readonly keeper: number;
  readonly init: number;
  /** Warnings of the create. */
  readonly warnings: readonly string[];
}

/**
 * Starts a keeper, which creates the container. The log of an earlier run is continued, and its exit status is
 * removed.
 *
 * @throws RuntimeError that of the create; `keeper.busy`, `keeper.create`, `host.syscall`
 */
export function startContainerKeeper(binding: Binding, request: KeeperOptions): StartedKeeper {
  const { directory, terminal } = request;
  const command = [
    ...request.argv,
    '--log-format=json',
    `--pid-file=${directory}/pid`,
    ...(terminal ? [`--console-socket=${directory}/console`] : []),
  ];
  let result: ContainerKeeperResult;
  try {
    result = binding.startContainerKeeper({
      directory,
      command,
      atEnd: request.atEnd ?? [],
      endsIfMarked: request.endsIfMarked ?? false,
      terminal,
      openInput: request.openStdin,
      logBytes: request.logLimit.bytes,
      logFiles: request.logLimit.files,
      ...(request.check !== undefined && { check: request.check }),
    });
  } catch (error) {
    throw isSystemError(error) ? startFailure(error, request) : error;
  }
  const records = recordsIn(result.text);
  if (result.init === 0) throw createFailure(result, records);
  return {
    keeper: result.pid,
    init: result.init,
    warnings: records.filter(({ level }) => level === 'warning').map(({ msg }) => msg),
  };
}

function startFailure(
  error: { readonly syscall: string; readonly errno: number },
  { directory, argv }: KeeperOptions,
): RuntimeError {
  if (error.syscall === 'flock' && error.errno === errno.EAGAIN) {
    return new RuntimeError({
      code: 'keeper.busy',
      message: 'the keeper of an earlier run of the container has not ended',
      path: directory,
      hint: 'stop the container, or end the command that is attached to it',
    });
  }
  const executing = error.syscall === 'execve';
  return hostFailure(error, 'unable to start the keeper of the container', {
    path: executing ? argv[0] : directory,
  });
}

/** A line of the create's standard error. */
interface LogRecord extends Partial<ErrorFields> {
  readonly level: string;
  readonly msg: string;
}

function recordsIn(text: string): LogRecord[] {
  return text.split('\n').flatMap(line => {
    const record = parsed(line);
    return record === undefined ? [] : [record];
  });
}

/** Returns undefined for a line that is not a record, such as a message of the C library or of the engine. */
function parsed(line: string): LogRecord | undefined {
  if (!line.startsWith('{')) return undefined;
  try {
    const record = JSON.parse(line) as LogRecord;
    return typeof record.msg === 'string' && typeof record.level === 'string' ? record : undefined;
  } catch {
    return undefined;
  }
}

/** Returns the error that `create` has logged, with all its fields. */
function createFailure({ status, text }: ContainerKeeperResult, records: readonly LogRecord[]): RuntimeError {
  const record = records.find(({ level }) => level === 'error');
  if (record === undefined) {
    const how = status > 128 ? `was ended by signal ${status - 128}` : `exited with status ${status}`;
    const output = text.trim();
    return new RuntimeError({
      code: 'keeper.create',
      message: `the create of the container ${how}${output === '' ? '' : `: ${output}`}`,
      value: String(status),
    });
  }
  const { level: _level, msg, time: _time, ...fields } = record as LogRecord & { readonly time?: string };
  return new RuntimeError({
    ...fields,
    code: (fields.code ?? 'internal') as ErrorCode,
    message: messageIn(msg, fields).replace(/^\S+ create failed: /, ''),
  });
}

/** Opens a connection to the keeper; undefined if it has ended or was killed. */
export function connectKeeper(binding: Binding, directory: string, flags: number): number | undefined {
  try {
    return binding.openAttachment(directory, flags);
  } catch (error) {
    if (!isSystemError(error)) throw error;
    const ended: readonly number[] = [errno.ENOENT, errno.ECONNREFUSED, errno.ECONNRESET];
    if (ended.includes(error.errno)) return undefined;
    throw hostFailure(error, `unable to reach the keeper of the container in ${directory}`);
  }
}

/**
 * Returns true while the container in this directory has a keeper. If the container runs without one, it was killed.
 */
export function keeperLives(binding: Binding, directory: string): boolean {
  const connection = connectKeeper(binding, directory, 0);
  if (connection === undefined) return false;
  binding.close(connection);
  return true;
}

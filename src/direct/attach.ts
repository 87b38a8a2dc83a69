// SPDX-License-Identifier: Apache-2.0
import { RuntimeError } from '../errors/error.ts';
import { onHost } from '../errors/system.ts';
import type { Binding } from '../host/binding.d.ts';
import { type ExitRecord, keeperGone, readExit, recordOf } from './exit-status.ts';
import { connectKeeper } from './keeper.ts';

/** The purpose of a connection to a keeper. The numbers are those of native/keeper/container_request.h. */
const attachFlags = {
  /** The client reads the output from now on. */
  output: 1,
  /** The client removes the container after its end. If the client ends earlier, the keeper runs its `atEnd`. */
  removes: 2,
} as const;

/**
 * Connects to the keeper of a container. This connection receives all output that the program writes from now on: a
 * caller that connects before it starts the container receives the whole output.
 *
 * @returns a descriptor, which the caller closes
 * @throws RuntimeError `keeper.not-running`, `host.syscall`
 */
export function openAttachment(
  binding: Binding,
  directory: string,
  wants: { readonly output: boolean; readonly removes?: boolean },
): number {
  const flags = (wants.output ? attachFlags.output : 0) | (wants.removes === true ? attachFlags.removes : 0);
  const connection = connectKeeper(binding, directory, flags);
  if (connection !== undefined) return connection;
  throw new RuntimeError({
    code: 'keeper.not-running',
    message: 'the container has no keeper: it is not running, or its keeper was killed',
    path: directory,
    hint: 'start the container',
  });
}

export interface AttachOptions {
  /** `terminal` of the container: the terminal of this process is set to raw mode. */
  readonly terminal: boolean;
  /** Standard input goes to the program. */
  readonly stdin: boolean;
  /** End of file on standard input closes that of the program. Only without a terminal. */
  readonly closeStdin: boolean;
  /** In Docker's format: `ctrl-p,ctrl-q`, `ctrl-@,x`. The empty text means no keys. Default: ctrl-p,ctrl-q. */
  readonly detachKeys?: string;
  /**
   * The init, which gets the signals that arrive here. Without it, and with a terminal, a terminating signal ends the
   * call and not the container.
   */
  readonly signalProxy?: number;
}

/** The reason for the end of an attachment. */
export type AttachEnd =
  | { readonly how: 'ended'; readonly exit: ExitRecord }
  /** The detach keys were typed: the container continues. */
  | { readonly how: 'detached' }
  /** No process reads standard output or error of this process any more. */
  | { readonly how: 'closed'; readonly errno: number }
  | { readonly how: 'signal'; readonly signal: number };

/**
 * Copies between this process and a container until the container has ended or one side has disconnected. The caller
 * closes `attachment` afterwards. A caller that removes the container closes it after the removal, because the keeper
 * waits for the close.
 *
 * @throws RuntimeError `keeper.gone` if the keeper was killed; `usage.terminal`, `usage.bad-value`, `host.syscall`
 */
export function attach(
  binding: Binding,
  directory: string,
  attachment: number,
  options: AttachOptions,
): AttachEnd {
  const { terminal, stdin, closeStdin, signalProxy } = options;
  const detachKeys = new Uint8Array(
    terminal && stdin ? parseDetachKeys(options.detachKeys ?? defaultKeys) : [],
  );
  // Before the raw mode: a signal must not leave the terminal in it.
  binding.catchSignals(false);
  const host = terminal && stdin ? hostTerminal(binding) : undefined;
  const pidfd = terminal || signalProxy === undefined ? undefined : binding.pidfdOpen(signalProxy);
  const end = onHost('unable to connect the container', () =>
    binding.attach({
      attachment,
      ...(host !== undefined && { terminal: host }),
      ...(pidfd !== undefined && { pidfd }),
      input: stdin,
      closeInput: closeStdin && !terminal,
      detachKeys,
    }),
  );
  if (pidfd !== undefined) binding.close(pidfd);
  switch (end.how) {
    case 'gone':
      return { how: 'ended', exit: readExit(binding, directory) ?? keeperGone(directory) };
    case 'ended':
      return { how: 'ended', exit: readExit(binding, directory) ?? recordOf(binding, end) };
    case 'closed':
      return { how: 'closed', errno: end.errno ?? 0 };
    case 'signal':
      return { how: 'signal', signal: end.signal ?? 0 };
    case 'detached':
      return { how: 'detached' };
  }
}

const standardInput = 0;

function hostTerminal(binding: Binding): number {
  if (binding.isTerminal(standardInput))
    return onHost('this process has no terminal', () => binding.hostTerminal());
  throw new RuntimeError({
    code: 'usage.terminal',
    message: 'the container has a terminal, and standard input is not one',
    hint: 'start the command on a terminal, or run the container without -t',
  });
}

const defaultKeys = 'ctrl-p,ctrl-q';
/** The client holds typed detach keys back until the next key, in a buffer for this many. */
const mostKeys = 64;

/**
 * Parses detach keys: characters, or `ctrl-` and a letter or one of `@ [ \ ] ^ _`, separated by commas.
 *
 * @returns the bytes that a terminal sends for them
 * @throws RuntimeError `usage.bad-value`
 */
export function parseDetachKeys(text: string): number[] {
  if (text === '') return [];
  const keys = text.split(',');
  if (keys.length > mostKeys) {
    throw new RuntimeError({
      code: 'usage.bad-value',
      message: `--detach-keys has ${keys.length} keys, more than ${mostKeys}`,
      value: text,
      hint: `two are enough: the default is ${defaultKeys}`,
    });
  }
  return keys.map(key => {
    const control = /^ctrl-([a-z@[\\\]^_])$/.exec(key.toLowerCase())?.[1];
    // The control characters are those of ASCII 64 to 95 without this bit.
    if (control !== undefined) return control.toUpperCase().charCodeAt(0) - 64;
    if (/^[\x21-\x7e]$/.test(key)) return key.charCodeAt(0);
    throw new RuntimeError({
      code: 'usage.bad-value',
      message: `invalid value ${JSON.stringify(text)} for --detach-keys: ${JSON.stringify(key)} is not a key`,
      value: text,
      hint: 'use characters and ctrl-LETTER separated by commas, such as ctrl-p,ctrl-q or ctrl-a,x',
    });
  });
}

// SPDX-License-Identifier: Apache-2.0
import { RuntimeError } from '../errors/error.ts';
import { onHost } from '../errors/system.ts';
import type { Binding } from '../host/binding.d.ts';
import { resolvePath } from '../host/paths.ts';
import type { Process } from '../oci/config.ts';
import type { HostOperation } from './host-work.ts';
import { Terminals } from './terminals.ts';

/** What is sent beside the descriptor: engines name the file after it. */
const masterName = '/dev/ptmx';

export const listenHint = 'a process must listen there, on a Unix stream socket';

/** The path of a socket from the working directory, which is where the caller looks at it from. */
export function resolveSocket(binding: Binding, path: string | undefined): string | undefined {
  return path === undefined ? undefined : resolvePath(() => binding.getcwd(), path);
}

/** How the caller wants to hold the terminal. */
export interface ConsoleWish {
  readonly socket: string | undefined;
  /** The runtime stays until the program ends. */
  readonly foreground: boolean;
  /** Of `terminal`, `''` when no document asked for it. */
  readonly pointer: string;
  /** `consoleSize` is not meant for this process. Default false. */
  readonly ignoreSize?: boolean;
}

/** Where the master of a terminal goes: to one of these, or there is no terminal. */
export interface Console {
  /** The Unix socket of the caller. */
  readonly socket?: string;
  /** Of a process in the foreground, for `attend`. */
  readonly terminals?: Terminals;
  /** The terminal gets the size of the runtime's. Default true. */
  readonly copySize?: boolean;
}

/**
 * Somebody has to hold the master of a terminal: who listens on the socket when we are gone, or we ourselves for the
 * terminal that we were started on. The texts are runc's, which engines' users search for.
 *
 * @throws RuntimeError `usage.console-socket`; `host.syscall` in the foreground without a terminal
 */
export function openConsole(binding: Binding, process: Process, wish: ConsoleWish): Console {
  const { socket, foreground, pointer } = wish;
  const terminal = process.terminal ?? false;
  const refused = (message: string, hint: string): RuntimeError =>
    new RuntimeError({
      code: 'usage.console-socket',
      message,
      pointer,
      value: String(terminal),
      hint,
      spec: 'config.md#process',
    });
  if (socket !== undefined && (foreground || !terminal)) {
    throw refused(
      'cannot use console socket if runc will not detach or allocate tty',
      'leave --console-socket out, or ask for a terminal and detach',
    );
  }
  if (!terminal) return {};
  if (socket !== undefined) return { socket };
  if (!foreground) {
    throw refused(
      'cannot allocate tty if runc will detach without setting console socket',
      'name a listening Unix socket with --console-socket, or do without a terminal',
    );
  }
  const { height, width } = process.consoleSize ?? { height: 0, width: 0 };
  const sized = height !== 0 && width !== 0 && wish.ignoreSize !== true;
  return { terminals: new Terminals(binding), copySize: !sized };
}

export const takeTerminal: HostOperation<'takeTerminal'> = {
  apply(_, work) {
    const { binding } = work.runtime;
    const { socket, terminals, copySize = true } = work.console;
    const master = work.at.take('terminal');
    if (terminals !== undefined) {
      terminals.adopt(master, copySize);
      return;
    }
    try {
      if (socket === undefined)
        throw new RuntimeError({ code: 'internal', message: 'no socket for the terminal' });
      onHost(
        `unable to hand the terminal over to the console socket ${socket}`,
        () => binding.sendDescriptor(socket, master, masterName),
        { hint: listenHint },
      );
    } finally {
      binding.close(master);
    }
  },
};

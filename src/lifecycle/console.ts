// SPDX-License-Identifier: Apache-2.0
import { RuntimeError } from '../errors/error.ts';
import { onHost } from '../errors/system.ts';
import type { Binding } from '../host/binding.d.ts';
import { resolvePath } from '../host/paths.ts';
import type { Process } from '../oci/config.ts';
import type { HostOperation } from './host-work.ts';
import type { Runtime } from './runtime.ts';
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
  /** Of `terminal`, or the name of the option that asked for it. */
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
 * terminal that we were started on. The texts are runc's, with the name of this program.
 *
 * @throws RuntimeError `usage.console-socket`; `host.syscall` in the foreground without a terminal
 */
export function openConsole(runtime: Runtime, process: Process, wish: ConsoleWish): Console {
  const { binding, program = 'tsubo' } = runtime;
  const socketOption = runtime.program === undefined ? 'consoleSocket' : '--console-socket';
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
      `cannot use console socket if ${program} will not detach or allocate tty`,
      `leave ${socketOption} out, or ask for a terminal and detach`,
    );
  }
  if (!terminal) return {};
  if (socket !== undefined) return { socket };
  if (!foreground) {
    throw refused(
      `cannot allocate tty if ${program} will detach without setting console socket`,
      `name a listening Unix socket with ${socketOption}, or ${withoutTerminal(pointer)}`,
    );
  }
  const { height, width } = process.consoleSize ?? { height: 0, width: 0 };
  const sized = height !== 0 && width !== 0 && wish.ignoreSize !== true;
  const terminals = new Terminals(binding, {
    pointer,
    hint: `${withoutTerminal(pointer)}, start it from a terminal, or detach with ${socketOption}`,
  });
  return { terminals, copySize: !sized };
}

/** What to write in order to have no terminal. */
function withoutTerminal(pointer: string): string {
  if (pointer === '/process/terminal') return 'set process.terminal to false in config.json';
  return pointer.startsWith('/') ? 'set terminal to false in the process document' : `leave ${pointer} out`;
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

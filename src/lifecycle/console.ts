// SPDX-License-Identifier: Apache-2.0
import { RuntimeError } from '../errors/error.ts';
import { onHost } from '../errors/system.ts';
import type { Binding } from '../host/binding.d.ts';
import { resolvePath } from '../host/paths.ts';
import type { Process } from '../oci/config.ts';
import { listenHint } from '../plan/terminal.ts';
import type { HostContext, HostOperation } from './host-context.ts';
import type { Runtime } from './runtime.ts';
import { Terminals } from './terminals.ts';

/** Data sent with the descriptor: engines use it as the name of the file. */
const masterName = '/dev/ptmx';

/** Resolves a socket path against the working directory of the caller. */
export function resolveSocket(binding: Binding, path: string | undefined): string | undefined {
  return path === undefined ? undefined : resolvePath(() => binding.getcwd(), path);
}

/** The destination of the terminal's master as the caller requests it. */
export interface ConsoleOptions {
  readonly socket: string | undefined;
  /** The runtime waits until the program exits. */
  readonly foreground: boolean;
  /** The caller takes the master itself. Default false. */
  readonly keep?: boolean;
  /** Pointer of `terminal`, or the name of the option that requested it. */
  readonly pointer: string;
  /** `consoleSize` does not apply to this process. Default false. */
  readonly ignoreSize?: boolean;
}

/** The master of a terminal for the caller, which closes it. */
export class CallersTerminal {
  master: number | undefined;
}

/** The receiver of the terminal's master: `socket`, `terminals` or `callers`. With none, the process has no terminal. */
export interface Console {
  /** Path of the caller's Unix socket. */
  readonly socket?: string;
  /** Set for a process in the foreground; passed to `waitInForeground`. */
  readonly terminals?: Terminals;
  readonly callers?: CallersTerminal;
  /** The terminal gets the size of the runtime's terminal. Default true. */
  readonly copySize?: boolean;
}

/**
 * A process must keep the terminal's master open: the listener on the socket, or the runtime itself on the terminal
 * that it was started on. The texts are runc's, with the name of this program.
 *
 * @throws RuntimeError `usage.console-socket`; `host.syscall` in the foreground without a terminal
 */
export function openConsole(runtime: Runtime, process: Process, options: ConsoleOptions): Console {
  const { binding, program = 'tsubo' } = runtime;
  const socketOption = runtime.program === undefined ? 'consoleSocket' : '--console-socket';
  const { socket, foreground, pointer } = options;
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
  if (options.keep === true) return { callers: new CallersTerminal() };
  if (!foreground) {
    throw refused(
      `cannot allocate tty if ${program} will detach without setting console socket`,
      `name a listening Unix socket with ${socketOption}, or ${withoutTerminal(pointer)}`,
    );
  }
  const { height, width } = process.consoleSize ?? { height: 0, width: 0 };
  const sized = height !== 0 && width !== 0 && options.ignoreSize !== true;
  const terminals = new Terminals(binding, {
    pointer,
    hint: `${withoutTerminal(pointer)}, start it from a terminal, or detach with ${socketOption}`,
  });
  return { terminals, copySize: !sized };
}

/** Returns the part of a hint that describes how to do without a terminal. */
function withoutTerminal(pointer: string): string {
  if (pointer === '/process/terminal') return 'set process.terminal to false in config.json';
  return pointer.startsWith('/') ? 'set terminal to false in the process document' : `leave ${pointer} out`;
}

export const takeTerminal: HostOperation<'takeTerminal'> = {
  apply(_, context) {
    passTerminal(context, context.at.take('terminal'));
  },
};

/** Passes the master of the container's terminal to its destination. */
export function passTerminal(context: HostContext, master: number): void {
  const { binding } = context.runtime;
  const { socket, terminals, callers, copySize = true } = context.console;
  if (callers !== undefined) {
    callers.master = master;
    context.undo.arm('the terminal', () => binding.close(master));
    return;
  }
  if (terminals !== undefined) {
    terminals.adopt(master, copySize);
    return;
  }
  try {
    if (socket === undefined)
      throw new RuntimeError({ code: 'internal', message: 'no socket for the terminal' });
    onHost(
      `unable to send the terminal to the console socket ${socket}`,
      () => binding.sendDescriptor(socket, master, masterName),
      { hint: listenHint },
    );
  } finally {
    binding.close(master);
  }
}

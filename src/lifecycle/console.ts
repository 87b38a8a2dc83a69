// SPDX-License-Identifier: Apache-2.0
import { RuntimeError } from '../errors/error.ts';
import { onHost } from '../errors/system.ts';
import type { Binding } from '../host/binding.d.ts';
import { resolvePath } from '../host/paths.ts';
import type { Process } from '../oci/config.ts';
import { consoleMoment } from '../plan/terminal.ts';
import type { Moments } from './rendezvous.ts';
import { Terminals } from './terminals.ts';

/** What is sent beside the descriptor: engines name the file after it. */
const masterName = '/dev/ptmx';

const listenHint = 'a process must listen there, on a Unix stream socket';

/** Sent beside the pidfd of a container's init, and of an executed process: engines tell them apart by it. */
const pidfdNames = { init: 'standard', exec: 'setns' } as const;

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

/** What becomes of the master of a terminal. */
export interface Console {
  readonly moments: Moments;
  /** Of a process in the foreground, for whoever waits for it. */
  readonly terminals?: Terminals;
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
  if (!terminal) return { moments: {} };
  if (socket !== undefined) return { moments: sendingMoments(binding, socket) };
  if (!foreground) {
    throw refused(
      'cannot allocate tty if runc will detach without setting console socket',
      'name a listening Unix socket with --console-socket, or do without a terminal',
    );
  }
  const { height, width } = process.consoleSize ?? { height: 0, width: 0 };
  const sized = height !== 0 && width !== 0 && wish.ignoreSize !== true;
  const terminals = new Terminals(binding);
  return {
    terminals,
    moments: { [consoleMoment]: ({ fd }) => terminals.adopt(handedOver(fd), !sized) },
  };
}

/**
 * Gives who listens on the socket a hold of the process, before its program runs.
 *
 * @throws RuntimeError `host.syscall`
 */
export function sendPidfd(
  binding: Binding,
  socket: string | undefined,
  pidfd: number,
  kind: keyof typeof pidfdNames,
): void {
  if (socket === undefined) return;
  onHost(
    `unable to hand the pidfd over to the socket ${socket}`,
    () => binding.sendDescriptor(socket, pidfd, pidfdNames[kind]),
    { hint: listenHint },
  );
}

/** Hands the master over to who listens on the socket, and keeps nothing of it. */
function sendingMoments(binding: Binding, socket: string): Moments {
  return {
    [consoleMoment]: init => {
      const fd = handedOver(init.fd);
      try {
        onHost(
          `unable to hand the terminal over to the console socket ${socket}`,
          () => binding.sendDescriptor(socket, fd, masterName),
          { hint: listenHint },
        );
      } finally {
        binding.close(fd);
      }
    },
  };
}

function handedOver(fd: number | undefined): number {
  if (fd === undefined) throw new RuntimeError({ code: 'internal', message: 'no terminal was handed over' });
  return fd;
}

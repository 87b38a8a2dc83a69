// SPDX-License-Identifier: Apache-2.0
import { RuntimeError } from '../errors/error.ts';
import { onHost } from '../errors/system.ts';
import type { Binding } from '../host/binding.d.ts';
import { resolvePath } from '../host/paths.ts';
import type { Process } from '../oci/config.ts';
import { consoleMoment } from '../plan/terminal.ts';
import type { Moments } from './spawn.ts';

/** What is sent beside the descriptor: engines name the file after it. */
const masterName = '/dev/ptmx';

/** `--console-socket` from the working directory, which is where the caller looks at it from. */
export function resolveSocket(binding: Binding, path: string | undefined): string | undefined {
  return path === undefined ? undefined : resolvePath(() => binding.getcwd(), path);
}

/**
 * Somebody has to hold the master of a terminal when we are gone, and without one there is nothing to send.
 * The texts are runc's, which engines' users search for.
 *
 * @throws RuntimeError `usage.console-socket`; `config.unsupported` for a terminal in the foreground
 */
export function checkConsole(process: Process, socket: string | undefined, foreground: boolean): void {
  const terminal = process.terminal ?? false;
  const at = { pointer: '/process/terminal', value: String(terminal), spec: 'config.md#process' };
  if (socket !== undefined && (foreground || !terminal)) {
    throw new RuntimeError({
      ...at,
      code: 'usage.console-socket',
      message: 'cannot use console socket if runc will not detach or allocate tty',
      hint: 'leave --console-socket out, or set terminal to true and use create or run --detach',
    });
  }
  if (socket !== undefined || !terminal) return;
  throw new RuntimeError({
    ...at,
    code: foreground ? 'config.unsupported' : 'usage.console-socket',
    message: foreground
      ? 'a terminal in the foreground is not supported'
      : 'cannot allocate tty if runc will detach without setting console socket',
    hint: 'name a listening Unix socket with --console-socket, or set terminal to false',
  });
}

/** Hands the master over to who listens on the socket, and keeps nothing of it. */
export function consoleMoments(binding: Binding, socket: string | undefined): Moments {
  if (socket === undefined) return {};
  return {
    [consoleMoment]: ({ fd }) => {
      if (fd === undefined)
        throw new RuntimeError({ code: 'internal', message: 'no terminal was handed over' });
      try {
        onHost(
          `unable to hand the terminal over to the console socket ${socket}`,
          () => binding.sendDescriptor(socket, fd, masterName),
          { hint: 'a process must listen there, on a Unix stream socket' },
        );
      } finally {
        binding.close(fd);
      }
    },
  };
}

// SPDX-License-Identifier: Apache-2.0
import type { RawData, WebSocket } from 'ws';
import { toRuntimeError } from '../../errors/system.ts';
import { type Container, getContainer } from '../library/container.ts';
import type { ContainerProcess } from '../library/process.ts';
import type { ResizeMessage, ShellMessage } from './messages.ts';
import { shownError } from './shown-error.ts';

const program = '/bin/sh';
const mostBuffered = 1 << 20;
/** Milliseconds for a shell to exit after its terminal was closed. */
const hangUpMs = 1000;
/** Milliseconds for reading output that a program wrote before its end. */
const lastOutputMs = 200;
const largestSize = 1000;

export interface ShellOptions {
  readonly root: string;
  readonly systemdCgroup: boolean;
  /** @throws RuntimeError if the container does not run */
  readonly requireRunning: (id: string) => Promise<void>;
}

/**
 * Connects a page with a new shell of a container, on a terminal of its own: `container exec -it ID /bin/sh`. The first
 * message of the page is the size of the terminal.
 */
export function openShell(socket: WebSocket, id: string, options: ShellOptions): void {
  const send = (message: ShellMessage): void => socket.send(JSON.stringify(message));
  socket.once('message', (data, isBinary) => {
    start(socket, id, options, isBinary ? undefined : sizeIn(data))
      .then(status => send({ kind: 'end', status }))
      .catch(error => send({ kind: 'failure', error: shownError(toRuntimeError(error).fields()) }))
      .finally(() => socket.close());
  });
}

/** Returns the exit status of the shell. */
async function start(
  socket: WebSocket,
  id: string,
  { requireRunning, ...settings }: ShellOptions,
  size: ResizeMessage | undefined,
): Promise<number> {
  await requireRunning(id);
  const container: Container = await getContainer(id, settings);
  const shell = await container.spawn({
    args: [program],
    tty: true,
    env: ['TERM=xterm-256color'],
    ...(size !== undefined && { size }),
  });
  if (socket.readyState !== socket.OPEN) {
    hangUp(shell);
    return 0;
  }
  socket.send(JSON.stringify({ kind: 'started' } satisfies ShellMessage));
  connect(socket, shell);
  const { status } = await shell.wait();
  await outputEnd(shell);
  return status;
}

function connect(socket: WebSocket, shell: ContainerProcess): void {
  const { stdin, stdout } = shell;
  stdout?.on('data', (chunk: Buffer) => {
    socket.send(chunk, { binary: true });
    if (socket.bufferedAmount <= mostBuffered) return;
    stdout.pause();
    const timer = setInterval(() => {
      if (socket.bufferedAmount > mostBuffered / 2 && socket.readyState === socket.OPEN) return;
      clearInterval(timer);
      stdout.resume();
    }, 20);
  });
  socket.on('message', (data, isBinary) => {
    const size = isBinary ? undefined : sizeIn(data);
    if (isBinary && stdin?.writable === true) stdin.write(data as Buffer);
    else if (size !== undefined && !shell.hasEnded) shell.resize(size.columns, size.rows);
  });
  socket.on('close', () => hangUp(shell));
}

/** Closes the terminal of the shell: the shell and its foreground programs get SIGHUP. */
function hangUp(shell: ContainerProcess): void {
  shell.stdin?.destroy();
  if (shell.hasEnded) return;
  shell.kill('HUP');
  setTimeout(() => shell.kill('KILL'), hangUpMs).unref();
}

function outputEnd({ stdout }: ContainerProcess): Promise<void> {
  return new Promise(resolve => {
    if (stdout === null || stdout.destroyed) return resolve();
    stdout.once('close', resolve);
    // A program in the background may keep the terminal.
    setTimeout(resolve, lastOutputMs);
  });
}

/** Parses a message as a size; undefined for any other message. */
function sizeIn(data: RawData): ResizeMessage | undefined {
  try {
    const { columns, rows } = JSON.parse(String(data)) as ResizeMessage;
    const isSize = [columns, rows].every(each => Number.isInteger(each) && each > 0 && each <= largestSize);
    return isSize ? { columns, rows } : undefined;
  } catch {
    return undefined;
  }
}

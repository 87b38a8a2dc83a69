// SPDX-License-Identifier: Apache-2.0
import type { WebSocket } from 'ws';
import { type CommandLine, failureIn, startCommand } from './commands.ts';
import type { LogMessage } from './messages.ts';

/** Number of lines of the log that are sent first. */
const firstLines = '2000';
/**
 * Bytes that wait for the page, above which the command is not read: a slow page must not fill this process's memory.
 */
const mostBuffered = 1 << 20;
/** Bytes kept of the end of the command's error output, whose last line is the failure. */
const kept = 8192;

/** Sends the log of a container and its additions, until the container ends or the page disconnects. */
export function sendLogs(socket: WebSocket, commandLine: CommandLine, id: string): void {
  const send = (message: LogMessage): void => socket.send(JSON.stringify(message));
  const child = startCommand(commandLine, ['container', 'logs', '--follow', '--tail', firstLines, id]);
  let last = '';
  for (const name of ['stdout', 'stderr'] as const) {
    const stream = child[name];
    stream?.setEncoding('utf8').on('data', (text: string) => {
      if (name === 'stderr') last = (last + text).slice(-kept);
      send({ kind: 'text', stream: name, text });
      if (socket.bufferedAmount <= mostBuffered) return;
      stream.pause();
      const timer = setInterval(() => {
        if (socket.bufferedAmount > mostBuffered / 2 && socket.readyState === socket.OPEN) return;
        clearInterval(timer);
        stream.resume();
      }, 20);
    });
  }
  child.on('error', error =>
    send({ kind: 'failure', error: { code: 'internal', message: error.message, details: [] } }),
  );
  child.on('close', code => {
    const error = code === 0 ? undefined : failureIn(last);
    send(error === undefined ? { kind: 'end' } : { kind: 'failure', error });
    socket.close();
  });
  socket.on('close', () => child.kill());
}

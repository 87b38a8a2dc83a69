// SPDX-License-Identifier: Apache-2.0
import type { WebSocket } from 'ws';
import { type CommandLine, failureIn, startCommand } from './commands.ts';
import type { LogMessage } from './messages.ts';

/** Lines of the log that the page gets first. */
const firstLines = '2000';
/** A page that reads slower than the container writes holds the command, not this process's memory. */
const mostBuffered = 1 << 20;
/** A failure is the last line of the command. */
const kept = 8192;

/** Sends the log of a container and what is added to it, until the container ends or the page leaves. */
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

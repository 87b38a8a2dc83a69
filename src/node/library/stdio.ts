// SPDX-License-Identifier: Apache-2.0
import { Socket } from 'node:net';
import type { Readable, Writable } from 'node:stream';
import { ReadStream } from 'node:tty';
import { RuntimeError } from '../../errors/error.ts';
import { onHost } from '../../errors/system.ts';
import type { Binding, StandardDescriptors } from '../../host/binding.d.ts';
import { O } from '../../kernel/files.ts';

/**
 * One standard stream of a program: `pipe` makes a stream for this process, `inherit` is the stream of this process,
 * `ignore` is /dev/null, a number is a descriptor of this process, and data of a stream is passed on.
 */
export type StdioOption = 'pipe' | 'inherit' | 'ignore' | number | Readable | Writable;

/** Standard input, output and error, or one choice for all three. */
export type Stdio = StdioOption | readonly [StdioOption, StdioOption, StdioOption];

/** The ends of pipes in this process; null for a stream that is not a pipe. */
export interface StandardStreams {
  readonly stdin: Writable | null;
  readonly stdout: Readable | null;
  readonly stderr: Readable | null;
}

/** The descriptors for a program, and the streams of this process. */
export interface OpenedStdio {
  readonly descriptors: StandardDescriptors;
  readonly streams: StandardStreams;
  /** Closes the descriptors of the program in this process, after the program has them. */
  handedOver(): void;
  /** Closes everything, if there will be no program. */
  abandon(): void;
}

const names = ['stdin', 'stdout', 'stderr'] as const;

/**
 * Opens the streams that the options describe.
 *
 * @throws RuntimeError `usage.stdio` for a value that is none of the choices or a descriptor that is not open
 */
export function openStdio(binding: Binding, stdio: Stdio): OpenedStdio {
  const options: readonly unknown[] = Array.isArray(stdio) ? stdio : [stdio, stdio, stdio];
  if (options.length !== names.length) {
    throw refused('stdio', stdio, 'give one value, or three: for standard input, output and error');
  }
  const descriptors: [number, number, number] = [-1, -1, -1];
  const own: number[] = [];
  const streams: { -readonly [Name in keyof StandardStreams]: StandardStreams[Name] } = {
    stdin: null,
    stdout: null,
    stderr: null,
  };
  const piped: Socket[] = [];
  const handedOver = (): void => {
    for (const fd of own.splice(0)) binding.close(fd);
  };
  const abandon = (): void => {
    handedOver();
    for (const stream of piped) stream.destroy();
  };
  const openPipe = (index: number): Socket => {
    const [read = -1, write = -1] = onHost('unable to make a pipe', () => binding.pipe());
    const isInput = index === 0;
    descriptors[index] = isInput ? read : write;
    own.push(descriptors[index] ?? -1);
    const stream = new Socket({ fd: isInput ? write : read, readable: !isInput, writable: isInput });
    piped.push(stream);
    return stream;
  };
  try {
    for (const [index, name] of names.entries()) {
      const option = options[index];
      const fd = descriptorOf(option);
      if (option === 'inherit') continue;
      if (option === 'pipe') {
        streams[name] = openPipe(index) as Readable & Writable;
      } else if (option === 'ignore') {
        descriptors[index] = onHost('unable to open /dev/null', () =>
          binding.open('/dev/null', O.O_RDWR | O.O_CLOEXEC, 0),
        );
        own.push(descriptors[index]);
      } else if (fd !== undefined) {
        if (!Number.isInteger(fd) || fd < 0 || !binding.isOpen(fd)) {
          throw refused(`stdio of ${name}`, fd, 'name an open descriptor of this process');
        }
        descriptors[index] = fd;
      } else if (isStream(option)) {
        passOn(openPipe(index), option as Readable & Writable, index === 0);
      } else {
        throw refused(
          `stdio of ${name}`,
          option,
          "write 'pipe', 'inherit', 'ignore', a descriptor or a stream",
        );
      }
    }
  } catch (error) {
    abandon();
    throw error;
  }
  return { descriptors, streams, handedOver, abandon };
}

/**
 * Returns the streams of a program on a terminal: input and output are its master, and there is no separate error
 * output.
 */
export function terminalStreams(master: number): {
  readonly stream: ReadStream;
  readonly streams: StandardStreams;
} {
  const stream = new ReadStream(master);
  // The kernel reports the end of the last program on the terminal as an input or output error.
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EIO') stream.destroy(error);
  });
  return { stream, streams: { stdin: stream, stdout: stream, stderr: null } };
}

/** Returns a descriptor, or that of a stream of a file or terminal, which needs no copying. */
function descriptorOf(option: unknown): number | undefined {
  if (typeof option === 'number') return option;
  const fd = isStream(option) ? (option as { readonly fd?: unknown }).fd : undefined;
  return typeof fd === 'number' ? fd : undefined;
}

function isStream(option: unknown): boolean {
  return typeof option === 'object' && option !== null && 'pipe' in option;
}

/** Copies a stream of the caller to standard input, or an output to it. It does not end a stream of the caller. */
function passOn(pipe: Socket, stream: Readable & Writable, isInput: boolean): void {
  // EPIPE: the program does not read its input to the end.
  pipe.on('error', () => {});
  if (isInput) stream.pipe(pipe);
  else pipe.pipe(stream, { end: false });
}

function refused(what: string, value: unknown, hint: string): RuntimeError {
  return new RuntimeError({
    code: 'usage.stdio',
    message: `invalid ${what}`,
    value: typeof value === 'object' ? JSON.stringify(value) : String(value),
    hint,
  });
}

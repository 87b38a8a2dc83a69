// SPDX-License-Identifier: Apache-2.0
import type { Readable, Writable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';
import type { ReadStream } from 'node:tty';
import { RuntimeError } from '../../errors/error.ts';
import { onHost } from '../../errors/system.ts';
import type { Binding } from '../../host/binding.d.ts';
import { SIG } from '../../kernel/signals.ts';
import { signalNumber } from '../../lifecycle/signals.ts';
import { Exit, type ExitStatus } from './exit.ts';
import type { StartedProcess } from './operations.ts';
import { wrongOption } from './option-names.ts';
import type { ProcessResult, WaitOptions } from './options.ts';
import { type OpenedStdio, type StandardStreams, terminalStreams } from './stdio.ts';

/** A program in a container that this process has started. */
export class ContainerProcess implements StandardStreams {
  /** In the pid namespace of this process. */
  readonly pid: number;
  /** Null unless standard input is a pipe or a terminal; the same holds for the others. */
  readonly stdin: Writable | null;
  readonly stdout: Readable | null;
  /** Null with a terminal, which has one output. */
  readonly stderr: Readable | null;
  readonly #binding: Binding;
  readonly #exit: Exit;
  readonly #terminal: { readonly master: number; readonly stream: ReadStream } | undefined;

  /** Use {@link Container.spawn}. */
  constructor(binding: Binding, started: StartedProcess, stdio: OpenedStdio) {
    const { pid, pidfd, master } = started;
    this.#binding = binding;
    this.pid = pid;
    this.#exit = new Exit(binding, pidfd, pid);
    if (master === undefined) {
      stdio.handedOver();
      ({ stdin: this.stdin, stdout: this.stdout, stderr: this.stderr } = stdio.streams);
      return;
    }
    stdio.abandon();
    const { stream, streams } = terminalStreams(master);
    ({ stdin: this.stdin, stdout: this.stdout, stderr: this.stderr } = streams);
    this.#terminal = { master, stream };
  }

  /** Waits for the end of the program. Its output may arrive later. */
  async wait(): Promise<ExitStatus> {
    return (await this.#exit.wait()) ?? unknownStatus;
  }

  /** True after the end of the program. */
  get hasEnded(): boolean {
    return this.#exit.hasEnded;
  }

  /**
   * Sends a signal to this process alone.
   *
   * @param signal - name with or without `SIG`, or a number. Default `TERM`
   * @returns false if it has ended
   * @throws RuntimeError `usage.signal` for an unknown signal
   */
  kill(signal: string | number = 'TERM'): boolean {
    return this.#exit.signal(signalNumber(String(signal)));
  }

  /**
   * Sets the size of its terminal.
   *
   * @throws RuntimeError `usage.terminal` without a terminal
   */
  resize(columns: number, rows: number): void {
    const terminal = this.#terminal;
    if (terminal === undefined) {
      throw new RuntimeError({
        code: 'usage.terminal',
        message: 'the process has no terminal to resize',
        hint: 'start it with tty: true, or create the container with process.terminal: true',
      });
    }
    if (terminal.stream.destroyed) return;
    onHost('unable to resize the terminal', () =>
      this.#binding.resizeTerminal(terminal.master, columns, rows),
    );
  }
}

/** For an init that another process has reaped: the program ignores SIGCHLD, for example. */
const unknownStatus: ExitStatus = { status: 255 };

const defaultMaxBuffer = 64 << 20;

/** A timer of Node with a longer time, such as Infinity, would fire at once. */
export const longestTimerMs = 2 ** 31 - 1;

/** The options of a call in JavaScript may have other types. */
type Unchecked = { readonly [Name in keyof WaitOptions]?: WaitOptions[Name] | undefined };

/** @throws RuntimeError `usage.option`, with the name of the option */
export function checkWait({ timeout, maxBuffer, signal }: Unchecked): void {
  for (const [name, value] of Object.entries({ timeout, maxBuffer })) {
    if (value === undefined || (typeof value === 'number' && value >= 0)) continue;
    throw wrongOption(
      `the option ${name} must be a number from 0 on, not ${JSON.stringify(value) ?? typeof value}`,
      name === 'timeout' ? 'give milliseconds, such as 10_000' : 'give bytes, such as 1 << 20',
      value,
    );
  }
  if (signal === undefined || typeof signal.throwIfAborted === 'function') return;
  throw wrongOption(
    'the option signal must be an AbortSignal',
    'give the signal of an AbortController, or AbortSignal.timeout(10_000)',
  );
}

/** Milliseconds for output that a killed program has already written. */
const lastOutputMs = 50;

/** A program whose end can be waited for. */
export interface RunningProgram extends StandardStreams {
  readonly pid: number;
  /** Sends SIGKILL, or does something with the same effect. */
  kill(signal: number): unknown;
  wait(): Promise<ExitStatus>;
}

/**
 * Writes the input, collects the output and waits for the end.
 *
 * @throws the reason of `signal`; RuntimeError `usage.output-limit`
 */
export async function waitForResult(running: RunningProgram, options: WaitOptions): Promise<ProcessResult> {
  const { timeout, signal, input, maxBuffer = defaultMaxBuffer } = options;
  let timedOut = false;
  let failure: { readonly error: unknown } | undefined;
  const kill = (): void => {
    running.kill(SIG.SIGKILL);
  };
  const end = (error: unknown): void => {
    failure ??= { error };
    kill();
  };
  const onAbort = (): void => end(signal?.reason);
  const timer =
    timeout === undefined || timeout > longestTimerMs
      ? undefined
      : setTimeout(() => {
          timedOut = true;
          kill();
        }, timeout);
  if (signal?.aborted === true) onAbort();
  signal?.addEventListener('abort', onAbort, { once: true });
  const closeOutput = (): void => {
    running.stdout?.destroy();
    running.stderr?.destroy();
  };
  let collected = 0;
  const collect = (chunk: Buffer): void => {
    collected += chunk.length;
    if (collected <= maxBuffer) return;
    end(tooMuch(maxBuffer));
    closeOutput();
  };
  try {
    if (running.stdin !== null && input !== undefined) {
      // EPIPE: the program does not read its input to the end.
      running.stdin.on('error', () => {});
      running.stdin.end(input);
    }
    const ended = running.wait().then(status => {
      // A process that the program has started may still have the output open.
      if (timedOut || failure !== undefined) setTimeout(closeOutput, lastOutputMs);
      return status;
    });
    const [status, stdout, stderr] = await Promise.all([
      ended,
      textOf(running.stdout, collect),
      textOf(running.stderr, collect),
    ]);
    if (failure !== undefined) throw failure.error;
    return { pid: running.pid, ...status, stdout, stderr, timedOut };
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', onAbort);
  }
}

function tooMuch(maxBuffer: number): RuntimeError {
  return new RuntimeError({
    code: 'usage.output-limit',
    message: `the program has written more than ${maxBuffer} bytes`,
    value: String(maxBuffer),
    hint: "raise maxBuffer, or read the streams of stdio: 'pipe' with spawn",
  });
}

function textOf(stream: Readable | null, collect: (chunk: Buffer) => void): Promise<string> {
  if (stream === null) return Promise.resolve('');
  return new Promise(resolve => {
    const decoder = new StringDecoder('utf8');
    let text = '';
    stream.on('data', (chunk: Buffer) => {
      collect(chunk);
      text += decoder.write(chunk);
    });
    // After an error there is no more output.
    stream.on('close', () => resolve(text + decoder.end()));
    stream.on('error', () => {});
  });
}

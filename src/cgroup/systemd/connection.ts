// SPDX-License-Identifier: Apache-2.0
import type { Binding } from '../../host/binding.d.ts';
import { type Call, decodeMessage, encodeCall, type Message, messageLength } from './message.ts';
import type { Value } from './types.ts';
import { textOf } from './unmarshal.ts';

/** The peer returned an error for a call. */
export class CallError extends Error {
  /** `org.freedesktop.systemd1.UnitExists`. */
  readonly errorName: string;

  constructor(errorName: string, message: string) {
    super(message);
    this.errorName = errorName;
  }
}

/** The peer did not answer in time, or the connection was closed. */
export class ConnectionError extends Error {}

/** Timeout for an answer in milliseconds, generous because a loaded machine answers late. */
const answerMs = 60_000;

/** A synchronous connection to a bus, or directly to a service that uses the D-Bus protocol. */
export class Connection {
  readonly #binding: Binding;
  readonly #fd: number;
  #received = new Uint8Array(0);
  #serial = 0;
  /** Signals that arrived while an answer was awaited. */
  readonly #signals: Message[] = [];

  private constructor(binding: Binding, fd: number) {
    this.#binding = binding;
    this.#fd = fd;
  }

  /**
   * @param path - of the socket
   * @throws SystemError, ConnectionError
   */
  static open(binding: Binding, path: string): Connection {
    const uid = String(binding.identity().euid);
    const hex = [...uid].map(digit => digit.charCodeAt(0).toString(16)).join('');
    // The peer reads the uid of the runtime from the kernel. Old versions compare it with the uid in the request, which differs if a
    // user namespace is between the two; the second attempt sends no uid.
    for (const [ask, answers] of [
      [`AUTH EXTERNAL ${hex}`, 1],
      ['AUTH EXTERNAL\r\nDATA', 2],
    ] as const) {
      const made = new Connection(binding, binding.connectTo(path));
      try {
        if (made.#authenticates(ask, answers)) return made;
      } catch (error) {
        made.close();
        throw error;
      }
      made.close();
    }
    throw new ConnectionError(`the peer refuses user ${uid}`);
  }

  close(): void {
    this.#binding.close(this.#fd);
  }

  /**
   * Calls a method and waits for its answer.
   *
   * @returns the values of the answer
   * @throws CallError, ConnectionError, SystemError
   */
  call(call: Call): readonly Value[] {
    this.#serial += 1;
    const serial = this.#serial;
    this.#send(encodeCall(call, serial));
    const deadline = this.#deadline(answerMs);
    for (;;) {
      const message = this.#next(deadline);
      if (message === undefined) throw new ConnectionError(`no reply to ${call.member}`);
      if (message.kind === 'signal') this.#signals.push(message);
      if (message.replyTo !== serial) continue;
      if (message.kind === 'error') {
        const [text] = message.body;
        throw new CallError(message.errorName ?? 'unknown', typeof text === 'string' ? text : call.member);
      }
      return message.body;
    }
  }

  /** Returns the first matching signal, including one that arrived earlier; undefined after the timeout. */
  signal(wanted: (signal: Message) => boolean, timeoutMs: number): Message | undefined {
    const deadline = this.#deadline(timeoutMs);
    for (;;) {
      const message = this.#signals.shift() ?? this.#next(deadline);
      if (message === undefined) return undefined;
      if (message.kind === 'signal' && wanted(message)) return message;
    }
  }

  /**
   * Sends everything in one write: systemd's private socket does not process a message that it reads together with
   * BEGIN until another message arrives.
   *
   * @param answers - number of lines in the answer; the last one contains the result
   */
  #authenticates(ask: string, answers: number): boolean {
    this.#send(this.#binding.utf8(`\0${ask}\r\nBEGIN\r\n`));
    let line = this.#line();
    for (let at = 1; at < answers && line.startsWith('DATA'); at++) line = this.#line();
    return line.startsWith('OK');
  }

  #line(): string {
    const deadline = this.#deadline(answerMs);
    for (;;) {
      const end = this.#received.indexOf(0x0a);
      if (end >= 0) {
        const line = textOf(this.#received.subarray(0, end)).trim();
        this.#received = this.#received.slice(end + 1);
        return line;
      }
      if (!this.#receive(deadline)) throw new ConnectionError('no reply');
    }
  }

  #send(bytes: Uint8Array): void {
    this.#binding.send(this.#fd, bytes, answerMs);
  }

  /** Returns undefined after the deadline. */
  #next(deadline: bigint): Message | undefined {
    for (;;) {
      const length = messageLength(this.#received);
      if (length !== undefined && this.#received.length >= length) {
        const message = decodeMessage(this.#received.subarray(0, length));
        this.#received = this.#received.slice(length);
        return message;
      }
      if (!this.#receive(deadline)) return undefined;
    }
  }

  #receive(deadline: bigint): boolean {
    const left = Number((deadline - this.#binding.now()) / 1_000_000n);
    const bytes = this.#binding.receive(this.#fd, Math.max(left, 0));
    if (bytes === undefined) return false;
    if (bytes.length === 0) throw new ConnectionError('the peer closed the connection');
    const joined = new Uint8Array(this.#received.length + bytes.length);
    joined.set(this.#received);
    joined.set(bytes, this.#received.length);
    this.#received = joined;
    return true;
  }

  #deadline(timeoutMs: number): bigint {
    return this.#binding.now() + BigInt(timeoutMs) * 1_000_000n;
  }
}

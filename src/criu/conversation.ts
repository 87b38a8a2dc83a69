// SPDX-License-Identifier: Apache-2.0
import { errno, errnoName, errnoText } from '../errors/errno.ts';
import { RuntimeError } from '../errors/error.ts';
import { hostFailure, isSystemError, onHost } from '../errors/system.ts';
import type { Binding, Peer, PeerRequest } from '../host/binding.d.ts';
import { findProgram } from '../host/find-program.ts';
import {
  type CriuRequest,
  type CriuResponse,
  decodeResponse,
  encodeRequest,
  requestTypes,
} from './messages.ts';

/** Milliseconds that criu may take to undo its work and to exit after the end of the conversation. */
const exitTimeoutMs = 30_000;
/** Milliseconds for a request to be sent. */
const sendTimeoutMs = 10_000;

/** A notification: criu waits until it is answered. `fd` is a descriptor that criu sends; the receiver closes it. */
export interface Notification {
  readonly script: string;
  readonly pid?: number | undefined;
  readonly fd?: number | undefined;
}

/** @throws RuntimeError `checkpoint.no-criu` */
export function findCriu(binding: Binding): string {
  const path = findProgram(binding, 'criu');
  if (path !== undefined) return path;
  throw new RuntimeError({
    code: 'checkpoint.no-criu',
    message: 'the program criu is not in PATH: checkpoint and restore need it',
    hint: 'install criu 3.14 or later: the package criu of Debian, Fedora and Arch, or https://criu.org',
  });
}

/** One process of `criu swrk`, which performs one request. */
export class Criu {
  readonly #binding: Binding;
  readonly #peer: Peer;
  #open = true;

  /** @throws RuntimeError `host.syscall` */
  constructor(binding: Binding, path: string, request: Omit<PeerRequest, 'path' | 'args'>) {
    this.#binding = binding;
    this.#peer = onHost('unable to start criu', () =>
      binding.startPeer({ path, args: ['criu', 'swrk', '3'], ...request }),
    );
  }

  get pid(): number {
    return this.#peer.pid;
  }

  get pidfd(): number {
    return this.#peer.pidfd;
  }

  /**
   * Sends the request, answers the notifications, and returns the response. A notification is refused if `onNotify`
   * throws: criu then undoes its work.
   *
   * @param failed - makes the error for a response that reports a failure
   */
  perform(
    request: CriuRequest,
    onNotify: (notification: Notification) => void,
    failed: (response: CriuResponse | undefined) => RuntimeError,
  ): CriuResponse {
    this.#send(request);
    for (;;) {
      const received = this.#receive();
      if (received === undefined || received.bytes.length === 0) throw failed(undefined);
      const response = decodeResponse(received.bytes);
      if (response.type !== requestTypes.notify || response.notify === undefined) {
        if (received.fd !== undefined) this.#binding.close(received.fd);
        if (!response.success) throw failed(response);
        return response;
      }
      onNotify({ ...response.notify, fd: received.fd });
      this.#send({ type: 'notify', notifySuccess: true });
    }
  }

  /** Undefined if criu has exited before it read a message: the kernel resets the connection then. */
  #receive(): ReturnType<Binding['receiveMessage']> | undefined {
    try {
      return this.#binding.receiveMessage(this.#peer.socket);
    } catch (error) {
      if (isSystemError(error) && error.errno === errno.ECONNRESET) return undefined;
      throw isSystemError(error) ? hostFailure(error, 'unable to receive a message of criu') : error;
    }
  }

  #send(request: CriuRequest): void {
    const bytes = encodeRequest(request, text => this.#binding.utf8(text));
    try {
      this.#binding.send(this.#peer.socket, bytes, sendTimeoutMs);
    } catch (error) {
      // criu has exited: the next message is the end of the conversation.
      if (!isSystemError(error) || error.errno !== errno.EPIPE) throw error;
    }
  }

  /** Ends the conversation, waits for the exit of criu and reaps it. A second call does nothing. */
  end(): void {
    if (!this.#open) return;
    this.#open = false;
    const { pid, pidfd, socket } = this.#peer;
    this.#binding.close(socket);
    try {
      if (!this.#binding.pidfdWait(pidfd, exitTimeoutMs)) {
        throw new RuntimeError({
          code: 'checkpoint.failed',
          message: `criu, process ${pid}, did not exit within ${exitTimeoutMs / 1000} s`,
        });
      }
      this.#binding.reap(pid);
    } finally {
      this.#binding.close(pidfd);
    }
  }
}

/** criu logs this error and continues if it cannot raise its own limit of descriptors: it never causes a failure. */
const harmless = "Can't setup RLIMIT_NOFILE for self";

/** Returns the first error in a log of criu, because it causes the later ones. */
export function causeInLog(text: string): string | undefined {
  const line = text.split('\n').find(one => one.includes('Error (') && !one.includes(harmless));
  return line?.replace(/^.*?Error \([^)]*\): /, '').trim();
}

/**
 * Returns the error for a failed request.
 *
 * @param log - path of the log
 * @param cause - the first error in the log, if it has one
 */
export function criuFailure(
  attempt: string,
  log: string,
  response: CriuResponse | undefined,
  cause?: string,
): RuntimeError {
  const said = response?.message?.trim() ?? '';
  const message = cause ?? (said.includes(harmless) ? '' : said.replace(/^Error \([^)]*\): /, ''));
  const number = response?.errno ?? 0;
  const how =
    message !== ''
      ? `criu: ${message}`
      : response === undefined
        ? 'criu exited without a response'
        : number > 0
          ? `criu: ${errnoText(number)}`
          : 'criu failed';
  return new RuntimeError({
    code: 'checkpoint.failed',
    message: `${attempt}: ${how}`,
    path: log,
    ...(number > 0 && { errno: number, errnoName: errnoName(number) }),
    hint: `the lines with Error in ${log} have the cause`,
  });
}

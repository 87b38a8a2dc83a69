// SPDX-License-Identifier: Apache-2.0
import type { Binding } from '../../host/binding.d.ts';
import { signalName } from '../../lifecycle/signals.ts';

/** The end of a program. */
export interface ExitStatus {
  /** Its exit status, or 128 plus the number of the signal that ended it. */
  readonly status: number;
  /** The name of the signal that ended it, such as `SIGKILL`. Default: it has exited. */
  readonly signal?: string;
}

/**
 * Longest pause between two checks of a pidfd, which the event loop cannot watch. The first is 1 ms, and it doubles.
 */
const longestPauseMs = 32;

/**
 * Watches a process until it ends. A child of this process is reaped, because it would otherwise stay a zombie if
 * another process deletes its container. Closes the pidfd.
 */
export class Exit {
  /** Resolves when the process has ended; undefined if it is not a child of this process. */
  readonly ended: Promise<ExitStatus | undefined>;
  readonly #binding: Binding;
  readonly #pid: number | undefined;
  readonly #pidfd: number;
  #hasEnded = false;
  #timer: NodeJS.Timeout | undefined;
  #waiters = 0;

  /** @param pid - of a child of this process; undefined for another process */
  constructor(binding: Binding, pidfd: number, pid?: number) {
    this.#binding = binding;
    this.#pid = pid;
    this.#pidfd = pidfd;
    this.ended = new Promise((resolve, reject) => {
      let pauseMs = 1;
      const look = (): void => {
        try {
          if (binding.pidfdWait(pidfd, 0)) {
            resolve(this.#collect());
            return;
          }
          this.#timer = setTimeout(look, pauseMs);
          if (this.#waiters === 0) this.#timer.unref();
          pauseMs = Math.min(2 * pauseMs, longestPauseMs);
        } catch (error) {
          reject(error);
        }
      };
      look();
    });
    // The caller may never wait: the error must not be an unhandled rejection.
    this.ended.catch(() => {});
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** Sends a signal; returns false if the process has ended. */
  signal(signal: number): boolean {
    return !this.#hasEnded && this.#binding.pidfdSignal(this.#pidfd, signal);
  }

  /** Waits for the end. Unlike watching alone, it keeps the event loop of this process running meanwhile. */
  async wait(): Promise<ExitStatus | undefined> {
    this.#waiters++;
    this.#timer?.ref();
    try {
      return await this.ended;
    } finally {
      this.#waiters--;
      if (this.#waiters === 0) this.#timer?.unref();
    }
  }

  #collect(): ExitStatus | undefined {
    const end = this.#pid === undefined ? undefined : this.#binding.reap(this.#pid);
    this.#hasEnded = true;
    this.#binding.close(this.#pidfd);
    if (end === undefined) return undefined;
    if (end.signal === undefined) return { status: end.code ?? 0 };
    return { status: 128 + end.signal, signal: signalName(end.signal) };
  }
}

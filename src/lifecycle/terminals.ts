// SPDX-License-Identifier: Apache-2.0
import type { ErrorFields } from '../errors/error.ts';
import { onHost } from '../errors/system.ts';
import type { Binding } from '../host/binding.d.ts';

/** The terminal that we were started on, and the container's, once it is there: for the wait to bring together. */
export class Terminals {
  readonly #binding: Binding;
  readonly #host: number;
  #master: number | undefined;
  #ours = true;

  /**
   * @param asked - the place that asked for a terminal, and how to do without
   * @throws RuntimeError `host.syscall` when there is no terminal
   */
  constructor(binding: Binding, asked: Pick<ErrorFields, 'pointer' | 'hint'>) {
    this.#binding = binding;
    this.#host = onHost('unable to open the terminal of this process', () => binding.hostTerminal(), asked);
  }

  /** Takes the master of the container's terminal. With `copySize` it gets the size of the host's. */
  adopt(master: number, copySize: boolean): void {
    this.#master = master;
    onHost('unable to set up the terminal of the container', () =>
      this.#binding.adoptTerminal(master, this.#host, copySize),
    );
  }

  /** Both of them, to become the receiver's. */
  take(): [master?: number, host?: number] {
    if (this.#master === undefined) return [];
    this.#ours = false;
    return [this.#master, this.#host];
  }

  /** Closes what nobody took. */
  close(): void {
    if (!this.#ours) return;
    this.#ours = false;
    this.#binding.close(this.#host);
    if (this.#master !== undefined) this.#binding.close(this.#master);
  }
}

/**
 * Waits for the end of a process of ours, passing signals on and the terminal through.
 *
 * @returns the exit status: the program's, or 128 and the number of the signal that ended it
 */
export function attend(binding: Binding, pid: number, pidfd: number, terminals?: Terminals): number {
  const { signal, code } = binding.waitForeground(pid, pidfd, ...(terminals?.take() ?? []));
  return signal === undefined ? (code ?? 0) : 128 + signal;
}

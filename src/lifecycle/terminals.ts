// SPDX-License-Identifier: Apache-2.0
import type { ErrorFields } from '../errors/error.ts';
import { onHost } from '../errors/system.ts';
import type { Binding, Readiness } from '../host/binding.d.ts';

/** The runtime's own terminal and, after `adopt`, the container's. `waitInForeground` connects them. */
export class Terminals {
  readonly #binding: Binding;
  readonly #host: number;
  #master: number | undefined;
  #owned = true;

  /**
   * @param request - the pointer to the property that requests a terminal, and a hint
   * @throws RuntimeError `host.syscall` if there is no terminal
   */
  constructor(binding: Binding, request: Pick<ErrorFields, 'pointer' | 'hint'>) {
    this.#binding = binding;
    this.#host = onHost(
      'the container needs a terminal, and this process has none',
      () => binding.hostTerminal(),
      request,
    );
  }

  /** Takes the master of the container's terminal. With `copySize`, that terminal gets the size of the runtime's. */
  adopt(master: number, copySize: boolean): void {
    this.#master = master;
    onHost('unable to set up the terminal of the container', () =>
      this.#binding.adoptTerminal(master, this.#host, copySize),
    );
  }

  /** Passes both descriptors to the caller, who closes them. Empty before `adopt`. */
  take(): [master?: number, host?: number] {
    if (this.#master === undefined) return [];
    this.#owned = false;
    return [this.#master, this.#host];
  }

  /** Closes the descriptors unless `take` returned them. */
  close(): void {
    if (!this.#owned) return;
    this.#owned = false;
    this.#binding.close(this.#host);
    if (this.#master !== undefined) this.#binding.close(this.#master);
  }
}

/**
 * Waits for the exit of a child process. Passes signals on and connects the terminals.
 *
 * @returns the exit status: the program's, or 128 plus the number of the signal that ended it
 */
export function waitInForeground(
  binding: Binding,
  pid: number,
  pidfd: number,
  terminals?: Terminals,
  readiness?: Readiness,
): number {
  const [master, host] = terminals?.take() ?? [];
  const { signal, code } = binding.waitForeground(pid, pidfd, master, host, readiness);
  return signal === undefined ? (code ?? 0) : 128 + signal;
}

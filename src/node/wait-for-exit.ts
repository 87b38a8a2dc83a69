// SPDX-License-Identifier: Apache-2.0
import type { Binding } from '../host/binding.d.ts';

const longestPauseMs = 50;

/**
 * Waits asynchronously for the exit of a child and reaps it. Closes the pidfd.
 *
 * @param background - the wait does not keep this process alive
 * @returns the exit status, or 128 plus the number of the signal that ended it
 */
export function waitForExit(
  binding: Binding,
  pid: number,
  pidfd: number,
  background: boolean,
): Promise<number> {
  return new Promise((resolve, reject) => {
    let pauseMs = 1;
    const look = (): void => {
      try {
        if (!binding.pidfdWait(pidfd, 0)) {
          const timer = setTimeout(look, pauseMs);
          if (background) timer.unref();
          pauseMs = Math.min(2 * pauseMs, longestPauseMs);
          return;
        }
        const { signal, code } = binding.reap(pid) ?? {};
        binding.close(pidfd);
        resolve(signal === undefined ? (code ?? 0) : 128 + signal);
      } catch (error) {
        reject(error);
      }
    };
    look();
  });
}

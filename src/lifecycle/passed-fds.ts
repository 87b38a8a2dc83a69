// SPDX-License-Identifier: Apache-2.0
import { RuntimeError } from '../errors/error.ts';
import type { Binding } from '../host/binding.d.ts';

/** The first descriptor after standard input, output and error. */
const firstPassed = 3;

/** Number of descriptors that a service manager passed to the runtime: sd_listen_fds(3). */
export function listenFds(binding: Binding): number {
  if (binding.getenv('LISTEN_PID') !== String(binding.pid())) return 0;
  const text = binding.getenv('LISTEN_FDS') ?? '';
  return /^\d{1,6}$/.test(text) ? Number(text) : 0;
}

/**
 * Checks that the descriptors to pass on are open. Call it before any other descriptor is opened, because that would
 * fill a gap.
 *
 * @param listen - number of descriptors from the service manager, from 3 on
 * @param preserve - number of further descriptors that `--preserve-fds` requests
 * @throws RuntimeError `usage.preserve-fds`
 */
export function checkPassedFds(binding: Binding, listen: number, preserve: number): void {
  for (let index = 0; index < listen + preserve; index++) {
    const fd = firstPassed + index;
    if (binding.isOpen(fd)) continue;
    const first = index < listen ? firstPassed : firstPassed + listen;
    const count = index < listen ? listen : preserve;
    const all = count === 1 ? `${first}` : `${first} to ${first + count - 1}`;
    throw new RuntimeError({
      code: 'usage.preserve-fds',
      message:
        index < listen
          ? `unable to stat descriptor ${fd} of LISTEN_FDS (${all})`
          : `unable to stat preserved-fd ${fd} (--preserve-fds ${preserve} passes ${all})`,
      value: String(fd),
      hint: `descriptor ${fd} is not open in the runtime; open it before calling, for example with ${fd}<file`,
    });
  }
}

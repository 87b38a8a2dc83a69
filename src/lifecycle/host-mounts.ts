// SPDX-License-Identifier: Apache-2.0
import { errno } from '../errors/errno.ts';
import { isSystemError, onHost } from '../errors/system.ts';
import type { Binding } from '../host/binding.d.ts';
import { unescapeOctal } from '../host/read-facts.ts';

/**
 * Number of mounts on the directory itself. `delete` leaves as many as there were before the container's own: an engine
 * may have mounted the root there.
 */
export function mountsOn(binding: Binding, path: string): number {
  const mountinfo = onHost('unable to read the mounts', () => binding.readText('/proc/self/mountinfo'));
  let count = 0;
  for (const line of mountinfo.split('\n')) {
    if (unescapeOctal(line.split(' ')[4] ?? '') === path) count += 1;
  }
  return count;
}

/**
 * Unmounts everything that a container in the runtime's own mount namespace has mounted on its root directory, with all
 * mounts below. If the runtime is now in another mount namespace, these mounts are not visible and nothing is done.
 *
 * @param before - result of `mountsOn` before the container was made
 */
export function unmountRoot(binding: Binding, rootfs: string, before: number): void {
  for (let left = mountsOn(binding, rootfs); left > before; left--) {
    try {
      binding.unmount(rootfs);
    } catch (error) {
      // EINVAL: another process has unmounted it.
      if (isSystemError(error) && error.errno === errno.EINVAL) return;
      onHost(`unable to unmount ${rootfs}`, () => {
        throw error;
      });
    }
  }
}

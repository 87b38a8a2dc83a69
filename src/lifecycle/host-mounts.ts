// SPDX-License-Identifier: Apache-2.0
import { errno } from '../errors/errno.ts';
import { isSystemError, onHost } from '../errors/system.ts';
import type { Binding } from '../host/binding.d.ts';
import { unescapeOctal } from '../host/read-facts.ts';

/**
 * How many mounts lie on the directory itself. Those that were there before the container's own tell, whenever it is
 * deleted, how many to leave: an engine may have mounted the root there.
 */
export function mountsOn(binding: Binding, path: string): number {
  const mountinfo = onHost('unable to look at the mounts', () => binding.readText('/proc/self/mountinfo'));
  let count = 0;
  for (const line of mountinfo.split('\n')) {
    if (unescapeOctal(line.split(' ')[4] ?? '') === path) count += 1;
  }
  return count;
}

/**
 * Takes off what a container in the runtime's own mount namespace has put on its root directory, with all mounts in it.
 * Where another mount namespace is ours by now, nothing of it is to be seen, and so nothing is done.
 *
 * @param before - what `mountsOn` said before the container was made
 */
export function unmountRoot(binding: Binding, rootfs: string, before: number): void {
  for (let left = mountsOn(binding, rootfs); left > before; left--) {
    try {
      binding.unmount(rootfs);
    } catch (error) {
      // EINVAL: somebody was faster.
      if (isSystemError(error) && error.errno === errno.EINVAL) return;
      onHost(`unable to unmount ${rootfs}`, () => {
        throw error;
      });
    }
  }
}

// SPDX-License-Identifier: Apache-2.0
import { errno } from '../errors/errno.ts';
import { isSystemError, onHost } from '../errors/system.ts';
import type { Binding } from '../host/binding.d.ts';
import { O } from '../kernel/files.ts';
import { MOUNT_ATTR } from '../kernel/mount.ts';

/**
 * Returns a detached read-only overlay of the layers for the runtime itself. Devices in it cannot be opened.
 *
 * @param layers - directories, lowest first
 * @param empty - an empty directory: the kernel refuses a union of one layer
 * @returns a descriptor, which the caller closes
 */
export function openUnion(binding: Binding, layers: readonly string[], empty: string): number {
  const lowers = [empty, ...[...layers].reverse()];
  const { MOUNT_ATTR_RDONLY, MOUNT_ATTR_NOSUID, MOUNT_ATTR_NODEV, MOUNT_ATTR_NOEXEC } = MOUNT_ATTR;
  return onHost('unable to join the layers of the image', () =>
    binding.makeOverlay({
      source: 'overlay',
      options: lowers.map(path => `lowerdir+=${path}`),
      fds: lowers.map(() => -1),
      attributes: MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC,
    }),
  );
}

/** Returns the text of a file below `root`; empty if there is none. Links are resolved inside `root`. */
export function readInRoot(binding: Binding, root: number, path: string): string {
  let fd: number;
  try {
    // O_NONBLOCK: a FIFO has no writer here and is read as empty.
    fd = binding.openInRoot(root, path, O.O_RDONLY | O.O_NONBLOCK, 0);
  } catch (error) {
    const absent: readonly number[] = [errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.EACCES, errno.ENXIO];
    if (isSystemError(error) && absent.includes(error.errno)) return '';
    throw error;
  }
  try {
    return binding.readAll(fd);
  } catch (error) {
    // EISDIR: the path is a directory.
    if (isSystemError(error) && error.errno === errno.EISDIR) return '';
    throw error;
  } finally {
    binding.close(fd);
  }
}

/**
 * Returns the text of a file of an image for a user without root, because the kernel requires root for an overlay: the
 * file of the highest layer that has it. A link must lead to a file of the same layer.
 */
export function readInLayers(binding: Binding, layers: readonly string[], path: string): string {
  for (const layer of [...layers].reverse()) {
    const root = onHost(`unable to open the layer ${layer}`, () =>
      binding.open(layer, O.O_PATH | O.O_CLOEXEC, 0),
    );
    try {
      const text = readInRoot(binding, root, path);
      if (text !== '') return text;
    } finally {
      binding.close(root);
    }
  }
  return '';
}

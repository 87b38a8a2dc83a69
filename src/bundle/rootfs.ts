// SPDX-License-Identifier: Apache-2.0

import { RuntimeError } from '../errors/error.ts';
import { onHost } from '../errors/system.ts';
import type { Binding } from '../host/binding.d.ts';
import { resolvePath } from '../host/paths.ts';
import { S_IF, S_IFMT } from '../kernel/files.ts';
import type { Config } from '../oci/config.ts';

/**
 * Returns the absolute host path of the container's root file system. It must be a directory, and its path must not
 * contain symbolic links: a link could be changed between this check and the mount.
 *
 * @param bundlePath - as returned by readBundle
 * @throws RuntimeError `bundle.rootfs-missing`, `bundle.rootfs-symlink`, `bundle.rootfs-not-directory`, all with the
 *   pointer `/root/path`
 * @see config.md#root
 */
export function resolveRootfs(binding: Binding, bundlePath: string, config: Pick<Config, 'root'>): string {
  const { path } = config.root;
  const rootfs = resolvePath(() => bundlePath, path);
  const fields = { pointer: '/root/path', path: rootfs, spec: 'config.md#root' };
  const fill = `put a root file system there, for example: mkdir ${rootfs}; docker export $(docker create busybox) | tar -x -C ${rootfs}`;
  const status = onHost(`invalid rootfs: ${rootfs}`, () => binding.stat(rootfs), fields);
  if (status === undefined) {
    throw new RuntimeError({
      code: 'bundle.rootfs-missing',
      message: `invalid rootfs: ${rootfs}: no such file or directory`,
      hint: path.startsWith('/')
        ? fill
        : `a relative root.path starts at the bundle directory: put a root file system in ${rootfs}`,
      ...fields,
    });
  }
  const target = binding.realpath(rootfs);
  if (target !== rootfs) {
    throw new RuntimeError({
      code: 'bundle.rootfs-symlink',
      message: `invalid rootfs: not an absolute path, or a symlink: ${rootfs} contains a symbolic link`,
      hint: `write its target: ${target}`,
      ...fields,
    });
  }
  if ((status.mode & S_IFMT) !== S_IF.S_IFDIR) {
    throw new RuntimeError({
      code: 'bundle.rootfs-not-directory',
      message: `invalid rootfs: ${rootfs}: not a directory`,
      ...fields,
    });
  }
  return rootfs;
}

// SPDX-License-Identifier: Apache-2.0
import { errno } from '../errors/errno.ts';
import { isSystemError, onHost } from '../errors/system.ts';
import type { Binding } from '../host/binding.d.ts';
import { isDirectory, unlessMissing, withDirectory } from '../host/files.ts';
import { isBelow, joinPath, lastComponent, parentPath } from '../host/paths.ts';
import { O } from '../kernel/files.ts';
import type { Plan } from '../plan/plan.ts';

/** A place that must exist before criu mounts on it. */
interface MountPoint {
  /** Directory of the host that contains the place. */
  readonly base: string;
  /** Path below that directory. */
  readonly path: string;
  readonly directory: boolean;
}

/**
 * Makes the missing mount points of a container in its root, like a create. criu makes those in file systems of the
 * image, and none in directories of the host: the root may be a new one, or the directory of a bind may be empty now.
 *
 * @param empty - an empty directory, of which missing directories are copies
 */
export function makeMountPoints(binding: Binding, plan: Plan, rootfs: string, empty: string): void {
  for (const point of mountPoints(binding, plan, rootfs)) {
    onHost(`unable to make the mount point ${point.path} in ${point.base}`, () =>
      withDirectory(binding, point.base, root => makePoint(binding, root, point, empty)),
    );
  }
}

/** Returns the mount points that are not in a file system of the image. */
function mountPoints(binding: Binding, plan: Plan, rootfs: string): MountPoint[] {
  /** Earlier mounts; without a source the mount is a file system of the image. */
  const mounts: { readonly target: string; readonly source: string | undefined }[] = [];
  const points: MountPoint[] = [];
  for (const step of plan.container) {
    if (step.op !== 'mount' && step.op !== 'bind') continue;
    const { target } = step;
    const source =
      step.op === 'mount' ? undefined : step.inRoot ? joinPath(rootfs, step.source) : step.source;
    const below = mounts.filter(mount => isBelow(target, mount.target)).at(-1);
    const directory = source === undefined || isDirectory(binding, source);
    if (below === undefined) points.push({ base: rootfs, path: target, directory });
    else if (below.source !== undefined) {
      points.push({ base: below.source, path: target.slice(below.target.length), directory });
    }
    mounts.push({ target, source });
  }
  return points;
}

function makePoint(binding: Binding, root: number, { path, directory }: MountPoint, empty: string): void {
  if (exists(binding, root, path)) return;
  makeParents(binding, root, parentPath(path), empty);
  if (directory) makeDirectory(binding, root, path, empty);
  else binding.close(binding.openInRoot(root, path, O.O_RDONLY | O.O_CREAT | O.O_CLOEXEC, 0o755));
}

function makeParents(binding: Binding, root: number, path: string, empty: string): void {
  if (path === '/' || exists(binding, root, path)) return;
  makeParents(binding, root, parentPath(path), empty);
  makeDirectory(binding, root, path, empty);
}

function exists(binding: Binding, root: number, path: string): boolean {
  const fd = unlessMissing(() => binding.openInRoot(root, path, O.O_PATH | O.O_CLOEXEC, 0));
  if (fd !== undefined) binding.close(fd);
  return fd !== undefined;
}

/** A copy stays in the root whatever links the path contains, which mkdir(2) does not. */
function makeDirectory(binding: Binding, root: number, path: string, empty: string): void {
  withDirectory(binding, parentPath(empty), fromRoot => {
    try {
      binding.copyTree({
        fromRoot,
        from: lastComponent(empty),
        toRoot: root,
        to: parentPath(path),
        name: lastComponent(path),
        properties: false,
        mode: 0o755,
      });
    } catch (error) {
      if (!isSystemError(error) || error.errno !== errno.EEXIST) throw error;
    }
  });
}

// SPDX-License-Identifier: Apache-2.0
import { errno } from '../errors/errno.ts';
import { RuntimeError } from '../errors/error.ts';
import { hostFailure, onHost, refusalOf } from '../errors/system.ts';
import { visibleLine } from '../errors/visible.ts';
import type { PackProblem } from '../host/binding.d.ts';
import { unlessMissing } from '../host/files.ts';
import { isMachineRoot } from '../host/privilege.ts';
import { O } from '../kernel/files.ts';
import { blobPath, type ImageStore, imagesPath, prepareImages } from './blobs.ts';
import { digestOfHex } from './digest.ts';
import { mediaTypes } from './manifest.ts';
import type { StoredLayer } from './store.ts';

/** The upper directory of a container, and the layers below it. */
export interface UpperTree {
  readonly upper: string;
  /** Trees of the image's layers, lowest first. */
  readonly layers: readonly string[];
  /** Mount points of the container. Those that exist only for the mount are ignored. */
  readonly mountPoints: readonly string[];
}

/** A layer whose archive is in the store. */
export interface NewLayer extends StoredLayer {
  readonly entries: number;
}

/** Returns the changes of a container as lines `A /path`, `C /path` and `D /path`. */
export function changesOf(store: ImageStore, tree: UpperTree): readonly string[] {
  const { binding } = store;
  const { lines, problem } = onHost('unable to read the changes of the container', () =>
    binding.findChanges(requestOf(store, tree)),
  );
  if (problem !== undefined) throw unreadable(problem);
  return lines;
}

/**
 * Writes the changes as an uncompressed archive, which is the same on every machine, into the store.
 *
 * @param options.latest - the latest time that files may have, in seconds since 1970; later times are set to it
 * @param options.settle - the upper directory becomes the tree of the layer. Default: it stays as it is
 * @throws RuntimeError `image.unpackable`, `image.disk-full`, `host.syscall`
 */
export function writeLayer(
  store: ImageStore,
  tree: UpperTree,
  { latest, settle = false }: { readonly latest?: number | undefined; readonly settle?: boolean } = {},
): NewLayer {
  const { binding } = store;
  prepareImages(store);
  const attempt = 'unable to write the layer';
  const { path, fd } = onHost(attempt, () => openTemporary(store));
  try {
    const { digest, size, entries, problem } = onHost(attempt, () =>
      binding.packTree({
        ...requestOf(store, tree),
        output: fd,
        owners: isMachineRoot(binding),
        settle,
        ...(latest !== undefined && { latest }),
      }),
    );
    if (problem !== undefined) throw unreadable(problem);
    const blob = digestOfHex(digest);
    onHost(attempt, () => binding.rename(path, blobPath(store, blob)));
    return { digest: blob, diffId: blob, mediaType: mediaTypes.layer, size, entries };
  } catch (error) {
    refusalOf(() => binding.unlink(path));
    throw error;
  } finally {
    binding.close(fd);
  }
}

function requestOf({ binding }: ImageStore, { upper, layers, mountPoints }: UpperTree) {
  const opaque = isMachineRoot(binding) ? 'trusted.overlay.opaque' : 'user.overlay.opaque';
  return { upper, lowers: [...layers].reverse(), opaque, mountPoints };
}

/** Makes a locked file in the directory of unfinished blobs. `image prune` does not remove a locked file. */
function openTemporary(store: ImageStore): { path: string; fd: number } {
  const { binding } = store;
  for (let attempt = 0; ; attempt++) {
    const path = `${imagesPath(store)}/partial/layer-${binding.pid()}-${attempt}`;
    let fd = -1;
    const refusal = refusalOf(() => {
      fd = binding.open(path, O.O_RDWR | O.O_CREAT | O.O_EXCL | O.O_CLOEXEC, 0o644);
    });
    if (refusal?.errno === errno.EEXIST) continue;
    if (refusal !== undefined) throw refusal;
    let isLocked: boolean | undefined;
    try {
      // A prune between the two calls takes the file for one of a killed command and removes it: then another name is tried.
      isLocked = unlessMissing(() => binding.lock(fd, 0));
    } finally {
      if (isLocked !== true) binding.close(fd);
    }
    if (isLocked === true) return { path, fd };
  }
}

function unreadable({ syscall, errno: number, reason, path }: PackProblem): RuntimeError {
  if (syscall !== '') {
    const isFull = number === errno.ENOSPC || number === errno.EDQUOT;
    return hostFailure(
      { syscall, errno: number, path },
      `unable to write ${visibleLine(path)} to the layer`,
      {
        ...(isFull && {
          code: 'image.disk-full' as const,
          hint: 'tsubo image prune removes what no image needs',
        }),
      },
    );
  }
  return new RuntimeError({
    code: 'image.unpackable',
    message: `unable to write ${visibleLine(path)} to a layer: ${reason}`,
    path,
    hint: 'remove or rename it in the container',
  });
}

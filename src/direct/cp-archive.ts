// SPDX-License-Identifier: Apache-2.0
import { errno } from '../errors/errno.ts';
import { RuntimeError } from '../errors/error.ts';
import { hostFailure, onHost, refusalOf } from '../errors/system.ts';
import { visibleLine } from '../errors/visible.ts';
import { entryPath } from '../host/paths.ts';
import { isMachineRoot } from '../host/privilege.ts';
import { requireUnpacked } from '../image/unpack.ts';
import type { Runtime } from '../lifecycle/runtime.ts';
import type { DirectContainer } from './container.ts';
import { copyDirect } from './cp.ts';
import { containerPath, type DirectStore } from './store.ts';

/**
 * Copies from or to an archive instead of files of the host. Both directions copy the files, with their owners, to a
 * temporary directory that the container cannot access: the archive is never unpacked in the container, and it is never
 * written from files that the container may change meanwhile.
 */

export interface ArchiveEnd {
  readonly container: DirectContainer;
  readonly path: string;
}

/**
 * Writes files of a container to a descriptor as an archive.
 *
 * @throws RuntimeError as `copyDirect`
 */
export function copyToArchive(runtime: Runtime, store: DirectStore, from: ArchiveEnd, output: number): void {
  const { binding } = runtime;
  withStage(runtime, store, from.container, stage => {
    copyDirect(runtime, store, from, { path: stage, keepsOwners: true });
    const { problem } = onHost('unable to write the archive', () =>
      binding.packTree({
        upper: stage,
        lowers: [],
        opaque: opaqueOf(runtime),
        mountPoints: [],
        output,
        owners: isMachineRoot(binding),
        settle: false,
      }),
    );
    if (problem === undefined) return;
    const attempt = `unable to write ${visibleLine(problem.path)} to the archive`;
    if (problem.syscall !== '') throw hostFailure(problem, attempt);
    throw new RuntimeError({
      code: 'image.unpackable',
      message: `${attempt}: ${problem.reason}`,
      path: problem.path,
    });
  });
}

/**
 * Reads an uncompressed archive from a descriptor, and copies its files into a directory of a container.
 *
 * @throws RuntimeError as `copyDirect`; `image.archive`; `direct.no-path` if the path is not a directory
 */
export function copyFromArchive(runtime: Runtime, store: DirectStore, source: number, to: ArchiveEnd): void {
  const { binding } = runtime;
  withStage(runtime, store, to.container, stage => {
    const what = 'the archive of standard input';
    const result = onHost(`unable to unpack ${what}`, () =>
      binding.unpackTree({
        source,
        decompress: [],
        tree: stage,
        lowers: [],
        layer: true,
        whiteouts: false,
        strict: isMachineRoot(binding),
        opaque: opaqueOf(runtime),
        hashes: false,
      }),
    );
    requireUnpacked(result, { what, place: stage, bytes: result.size });
    copyDirect(runtime, store, { path: `${stage}/.` }, { ...to, keepsOwners: true, isDirectory: true });
  });
}

function opaqueOf({ binding }: Runtime): string {
  return isMachineRoot(binding) ? 'trusted.overlay.opaque' : 'user.overlay.opaque';
}

/**
 * Calls `work` with an empty directory and removes it. After a killed command, the removal of the container removes it.
 */
function withStage(
  { binding }: Runtime,
  store: DirectStore,
  { id }: DirectContainer,
  work: (stage: string) => void,
): void {
  const directory = containerPath(store, id);
  let stage = '';
  onHost(`unable to make a directory in ${directory}`, () => {
    for (let attempt = 0; stage === ''; attempt++) {
      const path = entryPath(directory, `.cp-${binding.pid()}-${attempt}`);
      const refusal = refusalOf(() => binding.mkdir(path, 0o700));
      if (refusal === undefined) stage = path;
      else if (refusal.errno !== errno.EEXIST) throw refusal;
    }
  });
  try {
    work(stage);
  } finally {
    onHost(`unable to remove ${stage}`, () => binding.removeTree(stage));
  }
}

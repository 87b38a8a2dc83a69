// SPDX-License-Identifier: Apache-2.0
import { onHost } from '../errors/system.ts';
import { joinPath } from '../host/paths.ts';
import type { HostOperation } from './host-context.ts';
import { files } from './record.ts';
import type { Runtime } from './runtime.ts';
import { damaged } from './store.ts';

/** A mount that was added to a container: an entry of the list in its state directory. */
export interface RecordedMount {
  readonly target: string;
  readonly source: string;
  /** `bind`, or the type of the file system. */
  readonly type: string;
  readonly options: readonly string[];
  /** Compared before the mount is removed: the container may have mounted something else there. */
  readonly identity: string;
}

const version = 1;

export const recordMount: HostOperation<'recordMount'> = {
  apply(_, context) {
    const { runtime, stateDirectory: directory, addedMount } = context;
    if (addedMount === undefined) return;
    const before = readMounts(runtime, directory);
    context.undo.arm('the entry in the list of mounts', () => writeMounts(runtime, directory, before));
    writeMounts(runtime, directory, [...before, { ...addedMount, identity: context.at.detail }]);
  },
};

/** @throws RuntimeError `state.damaged`, `host.syscall` */
export function readMounts({ binding }: Runtime, directory: string): readonly RecordedMount[] {
  const path = joinPath(directory, files.mounts);
  const text = onHost(`unable to read ${path}`, () => binding.readTextIfThere(path));
  if (text === undefined) return [];
  let document: { readonly version?: unknown; readonly mounts?: unknown } | null;
  try {
    document = JSON.parse(text);
  } catch (error) {
    throw damaged(path, (error as Error).message);
  }
  const mounts = document?.version === version ? document.mounts : undefined;
  if (!Array.isArray(mounts) || !mounts.every(isRecordedMount)) {
    throw damaged(path, 'it was not written by mount add');
  }
  return mounts;
}

function isRecordedMount(value: Partial<RecordedMount> | null): value is RecordedMount {
  if (typeof value !== 'object' || value === null) return false;
  const { target, source, type, options, identity } = value;
  return (
    [target, source, type, identity].every(text => typeof text === 'string') &&
    Array.isArray(options) &&
    options.every(option => typeof option === 'string')
  );
}

export function writeMounts({ binding }: Runtime, directory: string, mounts: readonly RecordedMount[]): void {
  const path = joinPath(directory, files.mounts);
  const text = JSON.stringify({ version, mounts });
  onHost(`unable to write ${path}`, () => binding.replaceText(path, text, 0o600));
}

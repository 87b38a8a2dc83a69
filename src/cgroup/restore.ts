// SPDX-License-Identifier: Apache-2.0

import type { ErrorFields, RuntimeError } from '../errors/error.ts';
import { isSystemError, toRuntimeError } from '../errors/system.ts';
import type { Binding } from '../host/binding.d.ts';
import { lookUp } from '../oci/look-up.ts';
import { applyResources } from './apply.ts';
import type { LimitedCgroup } from './controllers.ts';
import type { CgroupWrite } from './write.ts';

/** Default line for a device without an entry. */
const unlimited: Readonly<Record<string, string>> = {
  'io.max': 'rbps=max wbps=max riops=max wiops=max',
  'io.weight': 'default',
  'io.bfq.weight': 'default',
  'rdma.max': 'hca_handle=max hca_object=max',
};

/**
 * Like applyResources, but if the kernel refuses a value, the values written before it are restored. The `cleanup` of
 * the error lists the values that could not be restored.
 *
 * @param last - called after all writes; if it throws, all values are restored
 */
export function applyOrRestore(
  binding: Binding,
  place: LimitedCgroup,
  writes: readonly CgroupWrite[],
  last: () => void = () => {},
): void {
  const undo: { readonly file: string; readonly text: string }[] = [];
  try {
    applyResources(binding, place, writes, (file, value) => {
      const present = binding.readTextIfThere(`${place.path}/${file}`);
      const text = present === undefined ? undefined : restoringText(file, value, present);
      if (text !== undefined) undo.push({ file, text });
    });
    last();
  } catch (error) {
    throw withCleanup(error, restore(binding, place, undo));
  }
}

function restore(
  binding: Binding,
  { path }: LimitedCgroup,
  undo: readonly { readonly file: string; readonly text: string }[],
): string[] {
  const left: string[] = [];
  for (const { file, text } of [...undo].reverse()) {
    try {
      binding.writeText(`${path}/${file}`, text, 0, 0);
    } catch (error) {
      if (!isSystemError(error)) throw error;
      left.push(`${file} of ${path}, which was ${text.trim()}: ${toRuntimeError(error).message}`);
    }
  }
  return left;
}

function withCleanup(error: unknown, left: readonly string[]): RuntimeError {
  const failure = toRuntimeError(error);
  const cleanup: Partial<ErrorFields> = { cleanup: [...(failure.cleanup ?? []), ...left] };
  return left.length === 0 ? failure : failure.with(cleanup);
}

/**
 * Returns the text that restores the present content of the file after `value` was written; undefined if the content
 * does not determine it.
 */
export function restoringText(file: string, value: string, present: string): string | undefined {
  const [key = '', ...rest] = value.split(' ');
  const ofDevice = rest.length > 0 && file !== 'cpu.max';
  if (ofDevice) {
    const line = present.split('\n').find(text => text.startsWith(`${key} `));
    if (line !== undefined) return line;
    const none = lookUp(unlimited, file);
    return none === undefined ? undefined : `${key} ${none}`;
  }
  const first = (present.split('\n')[0] ?? '').replace(/^default /, '');
  // An empty write has no effect.
  return first === '' ? '\n' : first;
}

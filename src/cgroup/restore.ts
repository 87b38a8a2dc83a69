// SPDX-License-Identifier: Apache-2.0
import type { ErrorFields, RuntimeError } from '../errors/error.ts';
import { isSystemError, toRuntimeError } from '../errors/system.ts';
import type { Binding } from '../host/binding.d.ts';
import { applyResources } from './apply.ts';
import type { Limited } from './controllers.ts';
import type { CgroupWrite } from './write.ts';

/** What a file with a line for each device says of one that it has not. */
const unlimited: Readonly<Record<string, string>> = {
  'io.max': 'rbps=max wbps=max riops=max wiops=max',
  'io.weight': 'default',
  'io.bfq.weight': 'default',
  'rdma.max': 'hca_handle=max hca_object=max',
};

/**
 * As applyResources, and when a value is refused those that were written before it are put back. What could not be put
 * back is in the error's `cleanup`.
 *
 * @param last - what is done when everything is written; when it throws, all of that is put back
 */
export function applyOrRestore(
  binding: Binding,
  place: Limited,
  writes: readonly CgroupWrite[],
  last: () => void = () => {},
): void {
  const undo: { readonly file: string; readonly text: string }[] = [];
  try {
    applyResources(binding, place, writes, (file, value) => {
      const present = binding.readTextIfThere(`${place.path}/${file}`);
      const text = present === undefined ? undefined : earlier(file, value, present);
      if (text !== undefined) undo.push({ file, text });
    });
    last();
  } catch (error) {
    throw withCleanup(error, putBack(binding, place, undo));
  }
}

function putBack(
  binding: Binding,
  { path }: Limited,
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
 * What to write so that the file says again what it says now, when `value` is going to be written. undefined for what
 * cannot be told.
 */
export function earlier(file: string, value: string, present: string): string | undefined {
  const [key = '', ...rest] = value.split(' ');
  const ofDevice = rest.length > 0 && file !== 'cpu.max';
  if (ofDevice) {
    const line = present.split('\n').find(text => text.startsWith(`${key} `));
    if (line !== undefined) return line;
    const none = unlimited[file];
    return none === undefined ? undefined : `${key} ${none}`;
  }
  const first = (present.split('\n')[0] ?? '').replace(/^default /, '');
  // An empty write would not reach the kernel.
  return first === '' ? '\n' : first;
}

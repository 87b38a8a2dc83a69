// SPDX-License-Identifier: Apache-2.0
import { errno } from '../errors/errno.ts';
import { type ErrorFields, RuntimeError } from '../errors/error.ts';
import { hostFailure, refusalOf } from '../errors/system.ts';
import type { Binding, SystemError } from '../host/binding.d.ts';
import type { HostFacts } from '../host/facts.ts';
import { parseKernelRelease } from '../host/read-facts.ts';
import { enableControllers, type LimitedCgroup } from './controllers.ts';
import type { CgroupWrite } from './write.ts';
import { olderThanFile, writeHint } from './write-hints.ts';

/** Called before each file is written. */
export type BeforeWrite = (file: string, value: string) => void;

/**
 * Enables the controllers, then writes the values in the given order into an existing cgroup.
 *
 * @throws RuntimeError as enableControllers; `host.cgroup-write` with the pointer of the value that the kernel
 *   refused: the values before it have been written
 */
export function applyResources(
  binding: Binding,
  place: LimitedCgroup,
  writes: readonly CgroupWrite[],
  before: BeforeWrite = () => {},
): void {
  enableControllers(binding, place, writes);
  for (const one of writes) {
    const { file, value, otherwise } = one;
    const error = write(binding, place.path, file, value, before);
    if (error === undefined) continue;
    if (error.errno !== errno.ENOENT) throw refused(binding, place, one, file, value, error);
    if (otherwise !== undefined) {
      const second = write(binding, place.path, otherwise.file, otherwise.value, before);
      if (second !== undefined) throw refused(binding, place, one, otherwise.file, otherwise.value, second);
    } else if (!one.optional) {
      throw refused(binding, place, one, file, value, error);
    }
  }
}

function write(
  binding: Binding,
  directory: string,
  file: string,
  value: string,
  before: BeforeWrite,
): SystemError | undefined {
  // The config checks reject such names in `unified`. The path would lead out of the cgroup.
  if (file.includes('/')) throw new RuntimeError({ code: 'internal', message: `invalid file name ${file}` });
  return refusalOf(() => {
    before(file, value);
    binding.writeText(`${directory}/${file}`, value, 0, 0);
  });
}

function refused(
  binding: Binding,
  { path }: LimitedCgroup,
  requested: CgroupWrite,
  file: string,
  value: string,
  error: SystemError,
): RuntimeError {
  const missing = error.errno === errno.ENOENT;
  const kernel = missing ? parseKernelRelease(binding.identity().release) : undefined;
  const tooOld = kernel && olderKernel(kernel, requested);
  const fields = {
    code: 'host.cgroup-write',
    pointer: requested.origin,
    path: `${path}/${file}`,
    value,
    hint: writeHint(binding, path, file, value, error.errno),
    spec: 'config-linux.md#control-groups',
  } as const;
  return hostFailure(error, attempt(requested, file, value), { ...fields, ...tooOld });
}

function attempt({ origin }: CgroupWrite, file: string, value: string): string {
  return origin.includes('/unified/')
    ? `unable to set unified resource "${file}" to "${value}"`
    : `unable to set ${file} to "${value}"`;
}

/** Returns the error for a value whose control file came with a later kernel than this one. */
export function olderKernel(
  kernel: HostFacts['kernel'],
  write: CgroupWrite,
):
  | (Pick<ErrorFields, 'code' | 'pointer' | 'value' | 'spec'> & { message: string; hint: string })
  | undefined {
  const { file, value, origin, otherwise, optional } = write;
  const tooOld = otherwise !== undefined || optional ? undefined : olderThanFile(kernel, file);
  if (tooOld === undefined) return undefined;
  return {
    code: 'host.cgroup-write',
    message: `${attempt(write, file, value)}: ${tooOld}`,
    pointer: origin,
    value,
    hint: 'remove it, or use a newer kernel',
    spec: 'config-linux.md#control-groups',
  };
}

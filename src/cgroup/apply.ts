// SPDX-License-Identifier: Apache-2.0
import { errno } from '../errors/errno.ts';
import { RuntimeError } from '../errors/error.ts';
import { hostFailure, refusalOf } from '../errors/system.ts';
import type { Binding, SystemError } from '../host/binding.d.ts';
import { enableControllers, type LimitedCgroup } from './controllers.ts';
import type { CgroupWrite } from './write.ts';
import { writeHint } from './write-hints.ts';

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
  if (file.includes('/')) throw new RuntimeError({ code: 'internal', message: `${file} is no file name` });
  return refusalOf(() => {
    before(file, value);
    binding.writeText(`${directory}/${file}`, value, 0, 0);
  });
}

function refused(
  binding: Binding,
  { path }: LimitedCgroup,
  { origin }: CgroupWrite,
  file: string,
  value: string,
  error: SystemError,
): RuntimeError {
  const attempted = origin.includes('/unified/')
    ? `unable to set unified resource "${file}" to "${value}"`
    : `unable to set ${file} to "${value}"`;
  return hostFailure(error, attempted, {
    code: 'host.cgroup-write',
    pointer: origin,
    path: `${path}/${file}`,
    value,
    hint: writeHint(binding, path, file, value, error.errno),
    spec: 'config-linux.md#control-groups',
  });
}

// SPDX-License-Identifier: Apache-2.0

import type { Binding } from '../host/binding.d.ts';
import { mountpointOf } from '../host/read-facts.ts';
import { MAGIC } from '../kernel/files.ts';

const usual = '/sys/fs/resctrl';

/**
 * Returns the mount point of the whole resctrl file system in the runtime's mount namespace; undefined if it is not
 * mounted.
 */
export function resctrlMountpoint(binding: Binding): string | undefined {
  if (binding.filesystemType(usual) === MAGIC.RDTGROUP_SUPER_MAGIC) return usual;
  return mountpointOf(binding.readTextIfThere('/proc/self/mountinfo') ?? '', 'resctrl');
}

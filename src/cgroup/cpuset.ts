// SPDX-License-Identifier: Apache-2.0
import type { CPU } from '../oci/resources.ts';
import type { CgroupWrite, ResourceContext } from './write.ts';

/** Writes cpuset.cpus and cpuset.mems. */
export function cpusetWrites(cpu: CPU | undefined, { origin }: ResourceContext): CgroupWrite[] {
  const writes: CgroupWrite[] = [];
  for (const name of ['cpus', 'mems'] as const) {
    const value = cpu?.[name];
    if (value === undefined || value === '') continue;
    writes.push({ file: `cpuset.${name}`, value, origin: `${origin}/cpu/${name}`, controller: 'cpuset' });
  }
  return writes;
}

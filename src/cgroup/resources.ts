// SPDX-License-Identifier: Apache-2.0
import type { Resources } from '../oci/resources.ts';
import { cpuWrites } from './cpu.ts';
import { cpusetWrites } from './cpuset.ts';
import { hugetlbWrites } from './hugetlb.ts';
import { ioWrites } from './io.ts';
import { memoryWrites } from './memory.ts';
import { pidsWrites } from './pids.ts';
import { rdmaWrites } from './rdma.ts';
import { unifiedWrites } from './unified.ts';
import { type CgroupWrite, isUnset, type ResourceContext } from './write.ts';

/**
 * Returns the writes for all resources, in the order in which they must happen. `unified` is last because it
 * overrides the others (config-linux.md#unified). Device rules are not included: they are a BPF program, not files.
 *
 * @throws RuntimeError `config.resources.*`
 */
export function resourceWrites(resources: Resources, context: ResourceContext): CgroupWrite[] {
  warnOfNetwork(resources, context);
  return [
    ...pidsWrites(resources.pids, context),
    ...memoryWrites(resources.memory, context),
    ...ioWrites(resources.blockIO, context),
    ...cpuWrites(resources.cpu, context),
    ...cpusetWrites(resources.cpu, context),
    ...hugetlbWrites(resources.hugepageLimits, context),
    ...rdmaWrites(resources.rdma, context),
    ...unifiedWrites(resources.unified, context),
  ];
}

function warnOfNetwork({ network }: Resources, { origin, warn }: ResourceContext): void {
  const why = 'net_cls and net_prio exist only in cgroup version 1';
  if (!isUnset(network?.classID)) warn(`${origin}/network/classID`, `classID is ignored: ${why}`);
  if ((network?.priorities ?? []).length > 0) {
    warn(`${origin}/network/priorities`, `priorities is ignored: ${why}`);
  }
}

// SPDX-License-Identifier: Apache-2.0
import { formatPointer } from '../bundle/pointer.ts';
import type { Rdma } from '../oci/resources.ts';
import type { CgroupWrite, ResourceContext } from './write.ts';

/** Writes rdma.max, one device in each write; a limit that the config does not contain stays as it is. */
export function rdmaWrites(
  devices: Readonly<Record<string, Rdma>> | undefined,
  { origin }: ResourceContext,
): CgroupWrite[] {
  return Object.entries(devices ?? {}).flatMap(([device, { hcaHandles, hcaObjects }]) => {
    const limits = [
      ...(hcaHandles === undefined ? [] : [`hca_handle=${hcaHandles}`]),
      ...(hcaObjects === undefined ? [] : [`hca_object=${hcaObjects}`]),
    ];
    if (limits.length === 0) return [];
    return [
      {
        file: 'rdma.max',
        value: `${device} ${limits.join(' ')}`,
        origin: `${origin}${formatPointer(['rdma', device])}`,
        controller: 'rdma',
      },
    ];
  });
}

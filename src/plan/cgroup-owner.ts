// SPDX-License-Identifier: Apache-2.0
import type { Config, IDMapping } from '../oci/config.ts';
import { containerPath } from './context.ts';
import type { HostStep } from './plan.ts';

/**
 * Makes the container's user the owner of the cgroup, if the container has it as the root of its hierarchy and may
 * write to it: a new cgroup namespace, and a cgroup mount at /sys/fs/cgroup that is not read-only.
 */
export function cgroupOwnerSteps(config: Config, when: 'before' | 'cgroup'): HostStep[] {
  const namespaces = config.linux?.namespaces ?? [];
  const isNew = (type: string): boolean =>
    namespaces.some(namespace => namespace.type === type && (namespace.path ?? '') === '');
  const mount = (config.mounts ?? []).findIndex(
    ({ destination, type }) =>
      (type === 'cgroup' || type === 'cgroup2') && containerPath(destination) === '/sys/fs/cgroup',
  );
  if (mount < 0 || !isNew('cgroup') || config.mounts?.[mount]?.options?.includes('ro')) return [];
  const { uid } = config.process?.user ?? { uid: 0 };
  const owner = isNew('user') ? hostId(config.linux?.uidMappings ?? [], uid) : uid;
  // Root already owns the cgroup. In a joined user namespace the host id of the user is unknown.
  if (owner === undefined || owner === 0) return [];
  if (!isNew('user') && namespaces.some(({ type }) => type === 'user')) return [];
  return [{ op: 'delegateCgroup', when, uid: owner, origin: `/mounts/${mount}` }];
}

function hostId(mappings: readonly IDMapping[], id: number): number | undefined {
  const mapping = mappings.find(({ containerID, size }) => id >= containerID && id < containerID + size);
  return mapping && mapping.hostID + (id - mapping.containerID);
}

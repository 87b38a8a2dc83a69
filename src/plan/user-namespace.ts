// SPDX-License-Identifier: Apache-2.0
import type { HostFacts } from '../host/facts.ts';
import type { Config, IDMapping } from '../oci/config.ts';
import type { Step } from '../wire/steps.ts';
import { waitFor } from './moments.ts';
import type { HostStep } from './plan.ts';

/** A user namespace of the container's own, new or joined. */
export interface UserNamespace {
  /** Absent for a new one. */
  readonly path?: string;
  readonly uids: readonly IDMapping[];
  readonly gids: readonly IDMapping[];
  /** `/linux/namespaces/N`. */
  readonly origin: string;
}

export function userNamespace(config: Config): UserNamespace | undefined {
  const namespaces = config.linux?.namespaces ?? [];
  const index = namespaces.findIndex(({ type }) => type === 'user');
  const found = namespaces[index];
  if (found === undefined) return undefined;
  return {
    ...(found.path !== undefined && found.path !== '' && { path: found.path }),
    uids: config.linux?.uidMappings ?? [],
    gids: config.linux?.gidMappings ?? [],
    origin: `/linux/namespaces/${index}`,
  };
}

/** What the host writes once the init is there. A joined one has its mappings already. */
export function mappingSteps(user: UserNamespace): HostStep[] {
  if (user.path !== undefined) return [];
  return [{ op: 'mapIds', when: 'mapIds', uids: user.uids, gids: user.gids, origin: user.origin }];
}

/**
 * The first steps in a user namespace. The other namespaces (`flags`) are made only as its root: what the kernel makes
 * in them (queues, the files of network interfaces) belongs to who makes them.
 */
export function userSteps(user: UserNamespace, flags: number, { euid }: Pick<HostFacts, 'euid'>): Step[] {
  const steps: Step[] = [];
  if (user.path === undefined) {
    if (euid !== 0) steps.push({ op: 'showToUser', origin: user.origin });
    steps.push(waitFor('mapIds', user.origin));
  }
  steps.push({ op: 'becomeRoot', origin: user.origin });
  if (flags !== 0) steps.push({ op: 'unshare', origin: '/linux/namespaces', flags });
  return steps;
}

/** What holds of the machine in a user namespace of its own: whoever comes there first has all capabilities. */
export function factsInside(facts: HostFacts): HostFacts {
  const { last } = facts.capabilities;
  const all = (1n << BigInt(last + 1)) - 1n;
  return { ...facts, capabilities: { bounding: all, permitted: all, last } };
}

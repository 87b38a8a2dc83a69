// SPDX-License-Identifier: Apache-2.0
import type { HostFacts } from '../host/facts.ts';
import type { Config, IDMapping } from '../oci/config.ts';
import type { Step } from '../wire/steps.ts';
import type { Explanation, Facility } from './facility.ts';
import { mappingWords } from './id-map-text.ts';
import type { HostStep } from './plan.ts';
import { syncAt } from './sync-points.ts';

/** Steps of the runtime. */
export interface UserNamespaceSteps {
  /** Writes the mappings of the init's new user namespace. */
  readonly mapIds: {
    readonly when: 'mapIds';
    readonly uids: readonly IDMapping[];
    readonly gids: readonly IDMapping[];
  };
}

/** The container's own user namespace, new or joined. */
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

/** The mappings that the host writes after the clone. A joined namespace has its own already. */
export function mappingSteps(user: UserNamespace): HostStep[] {
  if (user.path !== undefined) return [];
  return [{ op: 'mapIds', when: 'mapIds', uids: user.uids, gids: user.gids, origin: user.origin }];
}

/**
 * The first steps in a user namespace. Its root makes the other namespaces (`flags`), because the kernel's objects in
 * them (queues, files of network interfaces) belong to their creator.
 */
export function userSteps(user: UserNamespace, flags: number, { euid }: Pick<HostFacts, 'euid'>): Step[] {
  const steps: Step[] = [];
  if (user.path === undefined) {
    if (euid !== 0) steps.push({ op: 'showToUser', origin: user.origin });
    steps.push(syncAt('mapIds', user.origin));
  }
  steps.push({ op: 'becomeRoot', origin: user.origin });
  if (flags !== 0) steps.push({ op: 'unshare', origin: '/linux/namespaces', flags });
  return steps;
}

/** Host facts inside a new user namespace: its first process has all capabilities. */
export function factsInside(facts: HostFacts): HostFacts {
  const { last } = facts.capabilities;
  const all = (1n << BigInt(last + 1)) - 1n;
  return { ...facts, capabilities: { bounding: all, permitted: all, last } };
}

function rootFailure(called: string): Explanation {
  return { code: 'container.user', message: `unable to become root in the user namespace: ${called}` };
}

const steps = {
  /**
   * In a user namespace with mappings: sets uid and gid to 0 if they are mapped, clears the supplementary groups if
   * that is allowed, and gains all capabilities in it. The init stays undumpable, and its parent-death signal stays
   * set.
   */
  becomeRoot: {},
  /**
   * Makes the /proc files of this process owned by its user until becomeRoot: a non-root runtime writes the mappings
   * of the user namespace there.
   */
  showToUser: {},
} as const;

/** User namespaces. */
export const userNamespaceFacility: Facility<typeof steps, UserNamespaceSteps> = {
  steps,
  explain: {
    becomeRoot: (_, { called }) => rootFailure(called),
    showToUser: (_, { called }) => rootFailure(called),
  },
  hostTexts: { mapIds: ({ uids, gids }) => `uids=[${mappingWords(uids)}] gids=[${mappingWords(gids)}]` },
};

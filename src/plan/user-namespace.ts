// SPDX-License-Identifier: Apache-2.0
import { RuntimeError } from '../errors/error.ts';
import { hostFailure } from '../errors/system.ts';
import type { HostFacts } from '../host/facts.ts';
import type { Config, IDMapping } from '../oci/config.ts';
import type { Step } from '../wire/steps.ts';
import type { Explanation, Facility, Refusal } from './facility.ts';
import { idMapText, mappingWords } from './id-map-text.ts';
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

/** Returns the mappings that the host writes after the clone. A joined namespace has its own already. */
export function mappingSteps(user: UserNamespace): HostStep[] {
  if (user.path !== undefined) return [];
  return [{ op: 'mapIds', when: 'mapIds', uids: user.uids, gids: user.gids, origin: user.origin }];
}

/**
 * Returns the first steps in a user namespace. Its root makes the other namespaces (`flags`), because the kernel's
 * objects in them (queues, files of network interfaces) belong to their creator.
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

const mappingsSpec = 'config-linux.md#user-namespace-mappings';

function mappingsValue(mappings: readonly IDMapping[]): string {
  return idMapText(mappings).trim().replaceAll('\n', ', ');
}

/** Mappings of one kind. `origin` is the pointer of their list. */
export interface IdMapRequest {
  readonly kind: 'uid' | 'gid';
  readonly mappings: readonly IDMapping[];
  readonly origin: string;
}

/**
 * Returns the error for mappings that the kernel refuses.
 *
 * @param machineRoot - the runtime is root outside of any user namespace
 */
export function idMapFailure(
  { kind, mappings, origin }: IdMapRequest,
  refusal: Refusal,
  machineRoot: boolean,
): RuntimeError {
  return hostFailure(refusal, `unable to write the ${kind} mappings`, {
    pointer: origin,
    value: mappingsValue(mappings),
    spec: mappingsSpec,
    hint: machineRoot
      ? `the kernel maps only ${kind}s that exist in the runtime's user namespace, each once, in at most 340 lines and 4095 bytes`
      : `without root, only the user's own ${kind} can be mapped; new${kind}map (Debian: uidmap) also maps those in /etc/sub${kind}`,
  });
}

/** Returns the error for mappings that newuidmap(1) or newgidmap(1) at `path` refuses with the text `wrote`. */
export function idMapToolFailure(
  { kind, mappings, origin }: IdMapRequest,
  path: string,
  wrote: string,
): RuntimeError {
  return new RuntimeError({
    code: 'host.id-mapping',
    stage: 'host',
    message: `unable to write the ${kind} mappings: new${kind}map: ${wrote.trim().replace(/^new.idmap: /, '')}`,
    pointer: origin,
    path,
    value: mappingsValue(mappings),
    hint: `/etc/sub${kind} lists the ${kind}s that a user may map besides the user's own ${kind}`,
    spec: mappingsSpec,
  });
}

/** Returns the error for a joined user namespace at `path` that has other mappings: `found`. */
export function otherMappings(kind: 'uid' | 'gid', path: string, found: string): RuntimeError {
  return new RuntimeError({
    code: 'config.user-namespace.joined-mappings',
    message: 'user namespaces enabled, but both namespace path and non-matching mapping specified',
    pointer: `/linux/${kind}Mappings`,
    path,
    value: found,
    hint: 'a joined user namespace already has mappings: remove these',
    spec: mappingsSpec,
  });
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

// SPDX-License-Identifier: Apache-2.0

import { errno } from '../errors/errno.ts';
import { RuntimeError } from '../errors/error.ts';
import type { Config, IDMapping } from '../oci/config.ts';
import { type NamespaceType, namespaceFiles, namespaceFlags } from '../oci/namespaces.ts';
import type { Step } from '../wire/steps.ts';
import type { PlanContext } from './context.ts';
import type { Explanation, Facility } from './facility.ts';
import { cloneFlagNames } from './flag-names.ts';
import type { HostStep, HostStepOf } from './plan.ts';
import { syncAt } from './sync-points.ts';
import { offsetLines } from './time-namespace.ts';
import { mappingSteps, userNamespace, userSteps } from './user-namespace.ts';

/** Steps of the runtime. */
export interface NamespaceSteps {
  /** Opens a namespace to join and passes it to the init in `slot` (0: the init is cloned in it). */
  readonly openNamespace: {
    readonly when: 'before';
    readonly path: string;
    /** CLONE_NEW* flag of the required type. */
    readonly kind: number;
    readonly slot: number;
    /** The mappings that a joined user namespace must have. Absent: any. */
    readonly mappings?: { readonly uids: readonly IDMapping[]; readonly gids: readonly IDMapping[] };
  };
}

export interface NamespacePlan {
  /** Enters a joined pid namespace after the root has been entered; empty if the init is cloned in it. */
  readonly late: readonly Step[];
  /** CLONE_NEW* flags of clone3(2). */
  readonly cloneFlags: number;
  /** Pointer of a new user namespace. */
  readonly user?: string;
  readonly host: readonly HostStep[];
  readonly steps: readonly Step[];
}

/** The mount namespace comes last: after it, paths and procfs are those of the joined namespace. */
const joinOrder: readonly NamespaceType[] = ['network', 'ipc', 'uts', 'cgroup', 'time', 'mount'];

export function hasNamespace(config: Config, type: NamespaceType): boolean {
  return (config.linux?.namespaces ?? []).some(namespace => namespace.type === type);
}

/**
 * Returns true if the init enters a joined pid namespace late. A process there that may trace the init could open its
 * root through /proc: the init enters only once its root is the container's. With a user namespace no process there may
 * trace it. Hooks that run before need the init's pid: the init is then cloned in the namespace, like in runc.
 */
function entersPidsLate(config: Config): boolean {
  const { prestart = [], createRuntime = [], createContainer = [] } = config.hooks ?? {};
  return (
    userNamespace(config) === undefined &&
    prestart.length + createRuntime.length + createContainer.length === 0
  );
}

/**
 * clone3(2) makes new namespaces together with the init, with two exceptions. The root of a cgroup namespace is the
 * cgroup of its creator: the init makes it, because it is cloned in the container's cgroup. The offsets of a time
 * namespace must be written before a process is in it.
 *
 * A pid namespace to join is entered late, or, with hooks before that, the init is cloned in it (slot 0). For the
 * others the init calls setns(2) on descriptors that the runtime has opened. With a user namespace the init is cloned
 * in all joined namespaces except time, and its root makes the new ones.
 *
 * @throws RuntimeError `config.unsupported` for a user namespace with a mount namespace that does not belong to it
 */
export function planNamespaces(context: PlanContext): NamespacePlan {
  const namespaces = context.config.linux?.namespaces ?? [];
  const user = userNamespace(context.config);
  const mount = namespaces.find(({ type }) => type === 'mount');
  const joinsMounts = (mount?.path ?? '') !== '';
  if (user !== undefined && (mount === undefined || (joinsMounts && user.path === undefined))) {
    throw new RuntimeError({
      code: 'config.unsupported',
      pointer: mount === undefined ? user.origin : `/linux/namespaces/${namespaces.indexOf(mount)}/path`,
      value: mount?.path,
      message: 'root of a user namespace can mount only in a mount namespace that the user namespace owns',
      hint: 'write {"type": "mount"} without a path in linux.namespaces, or join the user namespace that owns it',
    });
  }
  let cloneFlags = 0;
  const host: HostStep[] = [];
  const joins: { readonly rank: number; readonly step: Step }[] = [];
  const made: Step[] = [];
  const late: Step[] = [];
  namespaces.forEach(({ type, path }, index) => {
    const origin = `/linux/namespaces/${index}`;
    const kind = namespaceFlags[type];
    if (path !== undefined && path !== '') {
      // setns(2) into a time namespace fails for a process that shares its memory, such as the helper.
      const enteredLate = type === 'pid' && entersPidsLate(context.config);
      const clonedIn = (type === 'pid' && !enteredLate) || (user !== undefined && type !== 'time');
      const slot = clonedIn ? 0 : context.takeSlot();
      const { uids = [], gids = [] } = type === 'user' && user !== undefined ? user : {};
      const mappings = uids.length > 0 || gids.length > 0 ? { mappings: { uids, gids } } : {};
      host.push({
        op: 'openNamespace',
        when: 'before',
        path,
        kind,
        slot,
        ...mappings,
        origin: `${origin}/path`,
      });
      if (enteredLate) {
        made.push({ op: 'keepPidNamespace', origin: `${origin}/path`, slot });
        late.push(syncAt('pidNamespace', `${origin}/path`));
        late.push({ op: 'enterPidNamespace', origin: `${origin}/path` });
      } else if (slot !== 0) {
        const step: Step = { op: 'joinNamespace', origin: `${origin}/path`, slot, kind };
        joins.push({ rank: joinOrder.indexOf(type), step });
      }
    } else if (type === 'cgroup') {
      made.push({ op: 'unshare', origin, flags: kind });
    } else if (type === 'time') {
      if (user !== undefined) return;
      made.push({
        op: 'enterTimeNamespace',
        origin,
        offsets: offsetLines(context.config.linux?.timeOffsets),
      });
    } else {
      cloneFlags |= kind;
      // A new network namespace has its loopback interface down, and programs expect a reply from 127.0.0.1.
      // With interfaces to configure, `configureLinks` does it too.
      if (type === 'network' && (context.options.networks ?? []).length === 0) {
        made.push({ op: 'raiseLoopback', origin });
      }
    }
  });
  if (user !== undefined) {
    const cloneNow = cloneFlags & (namespaceFlags.user | namespaceFlags.pid);
    // The user namespace last: the host may join namespaces that belong to it, the namespace's root may not.
    const last = (step: HostStep) => Number('kind' in step && step.kind === namespaceFlags.user);
    return {
      late,
      cloneFlags: cloneNow,
      ...(user.path === undefined && { user: user.origin }),
      host: [...host.sort((a, b) => last(a) - last(b)), ...mappingSteps(user)],
      steps: [
        ...userSteps(user, cloneFlags & ~cloneNow, context.facts),
        ...joins.map(join => join.step),
        ...made,
      ],
    };
  }
  joins.sort((a, b) => a.rank - b.rank);
  return { late, cloneFlags, host, steps: [...joins.map(join => join.step), ...made] };
}

function typeOf(kind: number): NamespaceType {
  for (const [type, flag] of Object.entries(namespaceFlags)) {
    if (flag === kind) return type as NamespaceType;
  }
  throw new RuntimeError({ code: 'internal', message: `no namespace of kind ${kind}` });
}

const spec = 'config-linux.md#namespaces';

/**
 * Returns the error for a file that is not the namespace of an `openNamespace`.
 *
 * @param kind - CLONE_NEW* flag of the file; undefined if it is not a namespace
 */
export function wrongNamespace(
  { path, origin, kind: wanted }: HostStepOf<'openNamespace'>,
  kind: number | undefined,
): RuntimeError {
  const fields = { pointer: origin, path, spec };
  if (kind === undefined) {
    return new RuntimeError({
      code: 'config.namespace.not-a-namespace',
      message: `${path} is not a namespace`,
      hint: `name a file such as /proc/PID/ns/${namespaceFiles[typeOf(wanted)]}, or one that it is bound to`,
      ...fields,
    });
  }
  const found = typeOf(kind);
  return new RuntimeError({
    code: 'config.namespace.wrong-type',
    message: `${path} is a namespace of type ${found}, not ${typeOf(wanted)}`,
    value: found,
    hint: 'the path or the type is the wrong one',
    ...fields,
  });
}

function joinFailure(origin: string, kind: number | bigint, called: string): Explanation {
  return {
    code: 'container.namespace',
    message: `failed to join the namespace of ${origin}: ${called}`,
    value: cloneFlagNames(kind),
  };
}

const steps = {
  /** setns(2) to the namespace in `slot`, of the kind CLONE_NEW*. Closes the slot. */
  joinNamespace: { slot: 'number', kind: 'number' },
  /**
   * The container uses the pid namespace in `slot`, but the init stays outside of it until enterPidNamespace. A
   * procfs that is mounted before that shows the processes of this namespace.
   */
  keepPidNamespace: { slot: 'number' },
  /**
   * Continues as a child of the runtime in the kept pid namespace. The runtime gets the child's pid in a `cloned`
   * report. This process exits, and the child has no descriptors of the host, because the root has been entered.
   */
  enterPidNamespace: {},
  /** unshare(2). */
  unshare: { flags: 'number' },
  /** Sets the loopback interface `lo` of the network namespace up. */
  raiseLoopback: {},
} as const;

/** Namespaces, except the parts of user and time namespaces that have files of their own. */
export const namespacesFacility: Facility<typeof steps, NamespaceSteps> = {
  steps,
  explain: {
    joinNamespace: ({ origin, kind }, { called }) => joinFailure(origin, kind, called),
    keepPidNamespace: ({ origin }, { called }) => joinFailure(origin, namespaceFlags.pid, called),
    enterPidNamespace: ({ origin }, { called }) => joinFailure(origin, namespaceFlags.pid, called),
    unshare: ({ flags }, { called }) => ({
      code: 'container.namespace',
      message: `failed to make new namespaces: ${called}`,
      value: cloneFlagNames(flags),
    }),
    raiseLoopback: (_, { called }) => ({
      code: 'container.network',
      message: `failed to bring up the loopback interface: ${called}`,
    }),
  },
  hints: () => ({
    joinNamespace: {
      [errno.EINVAL]: 'the file is a namespace of another type than in config.json',
      [errno.EPERM]: 'joining a namespace needs CAP_SYS_ADMIN in the user namespace that owns it',
    },
  }),
  sameHints: { enterPidNamespace: 'joinNamespace' },
  explainHost: {
    openNamespace: ({ path, kind }) => ({
      attempt: `unable to open the ${typeOf(kind)} namespace ${path}`,
      path,
      spec,
    }),
  },
  hostTexts: {
    openNamespace: ({ path, kind, slot }) => `path=${path} kind=${cloneFlagNames(kind)} slot=${slot}`,
  },
  fields: { joinNamespace: { kind: cloneFlagNames }, unshare: { flags: cloneFlagNames } },
};

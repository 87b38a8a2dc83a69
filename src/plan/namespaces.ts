// SPDX-License-Identifier: Apache-2.0
import { RuntimeError } from '../errors/error.ts';
import type { Config } from '../oci/config.ts';
import { type NamespaceType, namespaceFlags } from '../oci/namespaces.ts';
import type { Step } from '../wire/steps.ts';
import type { PlanContext } from './context.ts';
import { waitFor } from './moments.ts';
import type { HostStep } from './plan.ts';
import { offsetLines } from './time-namespace.ts';
import { mappingSteps, userNamespace, userSteps } from './user-namespace.ts';

export interface NamespacePlan {
  /** Enters the pid namespace that is joined, once the root has been entered; none where the init is cloned in it. */
  readonly late: readonly Step[];
  /** CLONE_NEW* that the init is born with. */
  readonly cloneFlags: number;
  /** The place of a new user namespace. */
  readonly user?: string;
  readonly host: readonly HostStep[];
  readonly steps: readonly Step[];
}

/** The mount namespace comes last: from then on paths and procfs are those of the other side. */
const joinOrder: readonly NamespaceType[] = ['network', 'ipc', 'uts', 'cgroup', 'time', 'mount'];

export function hasNamespace(config: Config, type: NamespaceType): boolean {
  return (config.linux?.namespaces ?? []).some(namespace => namespace.type === type);
}

/**
 * A process that may trace others of the pid namespace finds the root of each in /proc, so the init joins it when its root
 * is the container's. With a user namespace nobody there may trace it. Hooks that run before have to be told the init's
 * pid: with them it is cloned in the namespace, as with runc.
 */
function entersPidsLate(config: Config): boolean {
  const { prestart = [], createRuntime = [], createContainer = [] } = config.hooks ?? {};
  return (
    userNamespace(config) === undefined &&
    prestart.length + createRuntime.length + createContainer.length === 0
  );
}

/**
 * New namespaces are made with the init itself, except for the cgroup namespace: its root is the cgroup its maker is
 * in, so it is made by the init, which is born in the container's cgroup; nor for the time namespace, whose offsets must
 * be written before anybody is in it. The pid namespace to join is entered late, or with hooks before that by
 * being born in it (slot 0); others by setns(2), from descriptors that were opened outside. With a user namespace all
 * that are joined are entered by being born in them, but for the time namespace, and the new ones are made by its root.
 *
 * @throws RuntimeError `config.unsupported` for a user namespace with the mount namespace of others
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
      message: 'the root of a user namespace may mount only in a mount namespace that belongs to it',
      hint: 'let linux.namespaces have {"type": "mount"} without a path, or join the user namespace that it belongs to',
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
      // Who shares memory with others, as a helper does, cannot enter a time namespace.
      const enteredLate = type === 'pid' && entersPidsLate(context.config);
      const bornIn = (type === 'pid' && !enteredLate) || (user !== undefined && type !== 'time');
      const slot = bornIn ? 0 : context.takeSlot();
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
        late.push(waitFor('pidNamespace', `${origin}/path`));
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
      // A new network namespace has its loopback interface down, and programs expect 127.0.0.1 to answer.
      if (type === 'network') made.push({ op: 'raiseLoopback', origin });
    }
  });
  if (user !== undefined) {
    const birth = cloneFlags & (namespaceFlags.user | namespaceFlags.pid);
    // The user namespace last: the host may join what belongs to it, the namespace's root may not.
    const last = (step: HostStep) => Number('kind' in step && step.kind === namespaceFlags.user);
    return {
      late,
      cloneFlags: birth,
      ...(user.path === undefined && { user: user.origin }),
      host: [...host.sort((a, b) => last(a) - last(b)), ...mappingSteps(user)],
      steps: [
        ...userSteps(user, cloneFlags & ~birth, context.facts),
        ...joins.map(join => join.step),
        ...made,
      ],
    };
  }
  joins.sort((a, b) => a.rank - b.rank);
  return { late, cloneFlags, host, steps: [...joins.map(join => join.step), ...made] };
}

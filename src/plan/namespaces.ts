// SPDX-License-Identifier: Apache-2.0
import { RuntimeError } from '../errors/error.ts';
import type { Config } from '../oci/config.ts';
import { type TimeOffsets, timeClocks } from '../oci/config-linux.ts';
import { type NamespaceType, namespaceFlags } from '../oci/namespaces.ts';
import type { Step } from '../wire/steps.ts';
import type { PlanContext } from './context.ts';
import type { HostStep } from './plan.ts';

export interface NamespacePlan {
  /** CLONE_NEW* that the init is born with. */
  readonly cloneFlags: number;
  readonly host: readonly HostStep[];
  readonly steps: readonly Step[];
}

/** The mount namespace comes last: from then on paths and procfs are those of the other side. */
const joinOrder: readonly NamespaceType[] = ['network', 'ipc', 'uts', 'cgroup', 'time', 'mount'];

export function hasNamespace(config: Config, type: NamespaceType): boolean {
  return (config.linux?.namespaces ?? []).some(namespace => namespace.type === type);
}

/**
 * New namespaces are made with the init itself, except for the cgroup namespace: its root is the cgroup its maker is
 * in, so it is made by the init, which is born in the container's cgroup; nor for the time namespace, whose offsets must
 * be written before anybody is in it. The pid namespace to join is entered by
 * being born in it (slot 0); others by setns(2), from descriptors that were opened outside.
 *
 * @throws RuntimeError `config.unsupported` for user namespaces
 */
export function planNamespaces(context: PlanContext): NamespacePlan {
  const namespaces = context.config.linux?.namespaces ?? [];
  let cloneFlags = 0;
  const host: HostStep[] = [];
  const joins: { readonly rank: number; readonly step: Step }[] = [];
  const made: Step[] = [];
  for (const [index, { type, path }] of namespaces.entries()) {
    const origin = `/linux/namespaces/${index}`;
    const kind = namespaceFlags[type];
    if (type === 'user') {
      throw new RuntimeError({
        code: 'config.unsupported',
        pointer: origin,
        value: type,
        message: `the ${type} namespace is not supported yet`,
      });
    }
    if (path !== undefined && path !== '') {
      const slot = type === 'pid' ? 0 : context.takeSlot();
      host.push({ op: 'openNamespace', when: 'before', path, kind, slot, origin: `${origin}/path` });
      if (type !== 'pid') {
        const step: Step = { op: 'joinNamespace', origin: `${origin}/path`, slot, kind };
        joins.push({ rank: joinOrder.indexOf(type), step });
      }
    } else if (type === 'cgroup') {
      made.push({ op: 'unshare', origin, flags: kind });
    } else if (type === 'time') {
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
  }
  joins.sort((a, b) => a.rank - b.rank);
  return { cloneFlags, host, steps: [...joins.map(join => join.step), ...made] };
}

/** As /proc/PID/timens_offsets takes them. */
function offsetLines(offsets: TimeOffsets = {}): string {
  return timeClocks
    .map(clock => {
      const { secs = 0, nanosecs = 0 } = offsets[clock] ?? {};
      return secs === 0 && nanosecs === 0 ? '' : `${clock} ${secs} ${nanosecs}\n`;
    })
    .join('');
}

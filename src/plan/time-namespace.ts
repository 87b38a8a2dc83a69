// SPDX-License-Identifier: Apache-2.0

import { errno } from '../errors/errno.ts';
import { type TimeOffsets, timeClocks } from '../oci/config-linux.ts';
import { namespaceFlags } from '../oci/namespaces.ts';
import type { Step } from '../wire/steps.ts';
import type { PlanContext } from './context.ts';
import type { Facility } from './facility.ts';
import type { HostStep } from './plan.ts';
import { syncAt } from './sync-points.ts';
import { userNamespace } from './user-namespace.ts';

/** Steps of the runtime. */
export interface TimeNamespaceSteps {
  /** Writes the offsets of the init's new time namespace and sends the namespace to the init. */
  readonly writeTimeOffsets: { readonly when: 'timeOffsets'; readonly offsets: string };
}

/** The steps of a time namespace, right after those of the others. */
export interface TimePlan {
  readonly host: readonly HostStep[];
  readonly steps: readonly Step[];
}

/**
 * Plans a new time namespace with a user namespace. The host writes the offsets, because /proc files of an init that
 * the root of its user namespace may not trace belong to the host's root.
 */
export function planTimeNamespace(context: PlanContext): TimePlan {
  const { linux } = context.config;
  const index = linux?.namespaces?.findIndex(({ type }) => type === 'time') ?? -1;
  const joined = (linux?.namespaces?.[index]?.path ?? '') !== '';
  if (index < 0 || joined || userNamespace(context.config) === undefined) return { host: [], steps: [] };
  const origin = `/linux/namespaces/${index}`;
  const kind = namespaceFlags.time;
  const slot = context.takeSlot();
  return {
    host: [{ op: 'writeTimeOffsets', when: 'timeOffsets', offsets: offsetLines(linux?.timeOffsets), origin }],
    steps: [
      { op: 'unshare', origin, flags: kind },
      syncAt('timeOffsets', origin, { into: slot, count: 1 }),
      { op: 'joinNamespace', origin, slot, kind },
    ],
  };
}

/** In the format of /proc/PID/timens_offsets. */
export function offsetLines(offsets: TimeOffsets = {}): string {
  return timeClocks
    .map(clock => {
      const { secs = 0, nanosecs = 0 } = offsets[clock] ?? {};
      return secs === 0 && nanosecs === 0 ? '' : `${clock} ${secs} ${nanosecs}\n`;
    })
    .join('');
}

const steps = {
  /**
   * unshare(2) of a time namespace, writes `offsets` to timens_offsets(5) (nothing if empty), then setns(2): unshare
   * alone affects only children, and the offsets can be written only while no process is in the namespace.
   */
  enterTimeNamespace: { offsets: 'text' },
} as const;

/** Time namespaces. */
export const timeNamespaceFacility: Facility<typeof steps, TimeNamespaceSteps> = {
  steps,
  explain: {
    enterTimeNamespace: ({ offsets }, { called, report }) => ({
      code: 'container.namespace',
      message: `failed to make the time namespace: ${called}`,
      ...(report.syscall === 'write' && { pointer: '/linux/timeOffsets', value: offsets.trim() }),
    }),
  },
  hints: () => ({
    enterTimeNamespace: {
      [errno.EINVAL]: 'this kernel has no time namespaces',
      [errno.EPERM]: 'time namespaces need CAP_SYS_ADMIN, and their offsets CAP_SYS_TIME',
      [errno.ERANGE]: 'the clock would be negative, or above 146 years',
    },
  }),
  explainHost: {
    writeTimeOffsets: ({ offsets }) => ({
      attempt: 'unable to write the time offsets',
      value: offsets.trim().replaceAll('\n', ', '),
      spec: 'config-linux.md#offset-for-time-namespace',
      hint: 'a clock must not become negative',
    }),
  },
  hostTexts: { writeTimeOffsets: ({ offsets }) => `offsets=${JSON.stringify(offsets)}` },
};

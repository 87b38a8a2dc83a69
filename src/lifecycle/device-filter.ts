// SPDX-License-Identifier: Apache-2.0
import { type DeviceFilter, loadDeviceFilter } from '../cgroup/devices/attach.ts';
import type { Plan } from '../plan/plan.ts';
import type { Runtime } from './runtime.ts';

/** The plan's device rules, for one create. */
export interface PlannedFilter extends DeviceFilter {
  /** While the init prepares: the kernel's look at the program then costs no time. */
  load(): void;
}

/**
 * Not attached before the init has mounted everything: to mount a disk it must open it, which the rules may well deny
 * to what runs in the container.
 */
export function plannedFilter(
  { binding, log }: Runtime,
  plan: Plan,
  cgroup: string | undefined,
): PlannedFilter {
  let loaded: DeviceFilter | undefined;
  return {
    load: () => {
      for (const step of plan.host) {
        if (step.op !== 'setDeviceRules' || cgroup === undefined) continue;
        loaded = loadDeviceFilter(binding, log, cgroup, step.rules, step.origin);
      }
    },
    attach: () => loaded?.attach(),
    close: () => loaded?.close(),
  };
}

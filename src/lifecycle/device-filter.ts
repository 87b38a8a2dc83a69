// SPDX-License-Identifier: Apache-2.0
import { type DeviceFilter, loadDeviceFilter } from '../cgroup/devices/attach.ts';
import { containerDeviceRules, type DeviceRule } from '../cgroup/devices/rules.ts';
import { simplify } from '../cgroup/devices/simplify.ts';
import { RuntimeError } from '../errors/error.ts';
import type { Resources } from '../oci/resources.ts';
import { deviceRuleProblems } from '../validate/checks/device-rules.ts';
import type { HostOperation } from './host-context.ts';
import type { Runtime } from './runtime.ts';

export const loadDeviceRules: HostOperation<'loadDeviceRules'> = {
  apply([step], context) {
    if (step === undefined || context.record.cgroup === undefined) return;
    const { binding, log } = context.runtime;
    const filter = loadDeviceFilter(binding, log, step.rules, step.origin);
    context.deviceFilter = filter;
    context.atEnd(() => filter.close());
  },
};

export const attachDeviceRules: HostOperation<'attachDeviceRules'> = {
  startFailure: true,
  apply(_, context) {
    const { cgroup } = context.record;
    if (cgroup !== undefined) context.deviceFilter?.attach(cgroup.path);
  },
};

/** New device rules, and the program that replaces the attached one in one step. */
export interface NewDeviceRules {
  readonly rules: readonly DeviceRule[];
  readonly filter: DeviceFilter;
}

/**
 * Returns the device rules of an update, checked and loaded. Undefined if they equal the stored ones: engines send all
 * resources of a container with every update, and hooks may have extended the attached program.
 *
 * @throws RuntimeError `config.resources.device-*`, `host.syscall`
 */
export function newDeviceRules(
  { binding, log }: Runtime,
  stored: Resources,
  { devices = [] }: Resources,
): NewDeviceRules | undefined {
  const problems = deviceRuleProblems(devices, '');
  const [first] = problems;
  if (first !== undefined) throw new RuntimeError({ ...first, problems });
  const rules = simplify(containerDeviceRules(devices));
  const before = simplify(containerDeviceRules(stored.devices));
  if (JSON.stringify(rules) === JSON.stringify(before)) return undefined;
  return { rules, filter: loadDeviceFilter(binding, log, rules, '/devices', { replace: true }) };
}

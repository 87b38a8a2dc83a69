// SPDX-License-Identifier: Apache-2.0
import { type DeviceFilter, loadDeviceFilter } from '../cgroup/devices/attach.ts';
import { containerDeviceRules, type DeviceRule } from '../cgroup/devices/rules.ts';
import { simplify } from '../cgroup/devices/simplify.ts';
import type { CgroupPlace } from '../cgroup/directory.ts';
import { RuntimeError } from '../errors/error.ts';
import type { Resources } from '../oci/resources.ts';
import { deviceRuleProblems } from '../validate/checks/device-rules.ts';
import type { Runtime } from './runtime.ts';

/** Rules that are to be put in the place of others, and the program that does it in one step. */
export interface NewDeviceRules {
  readonly rules: readonly DeviceRule[];
  readonly filter: DeviceFilter;
}

/**
 * The device rules of an update, checked and loaded. undefined when those hold already: engines send all that they know
 * of a container with every update, and hooks may have added to it since.
 *
 * @throws RuntimeError `config.resources.device-*`, `host.syscall`
 */
export function newDeviceRules(
  { binding, log }: Runtime,
  { path }: CgroupPlace,
  stored: Resources,
  { devices = [] }: Resources,
): NewDeviceRules | undefined {
  const problems = deviceRuleProblems(devices, '');
  const [first] = problems;
  if (first !== undefined) throw new RuntimeError({ ...first, problems });
  const rules = simplify(containerDeviceRules(devices));
  const before = simplify(containerDeviceRules(stored.devices));
  if (JSON.stringify(rules) === JSON.stringify(before)) return undefined;
  return { rules, filter: loadDeviceFilter(binding, log, path, rules, '/devices', { replace: true }) };
}

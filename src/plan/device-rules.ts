// SPDX-License-Identifier: Apache-2.0
import { containerDeviceRules } from '../cgroup/devices/rules.ts';
import { allowsEverything, simplify } from '../cgroup/devices/simplify.ts';
import type { Config } from '../oci/config.ts';
import type { HostStepOf } from './plan.ts';

/** Steps for the device rules of a checked config, including the default rules; none if everything is allowed. */
export function deviceRuleSteps(
  config: Config,
): [HostStepOf<'loadDeviceRules'>, HostStepOf<'attachDeviceRules'>] | [] {
  const requested = config.linux?.resources?.devices;
  const rules = simplify(containerDeviceRules(requested));
  if (allowsEverything(rules)) return [];
  const origin = requested === undefined || requested.length === 0 ? '' : '/linux/resources/devices';
  const { prestart = [], createRuntime = [] } = config.hooks ?? {};
  return [
    { op: 'loadDeviceRules', when: 'after', rules, origin },
    {
      op: 'attachDeviceRules',
      when: prestart.length + createRuntime.length > 0 ? 'runtime' : 'ready',
      origin,
    },
  ];
}

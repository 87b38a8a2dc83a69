// SPDX-License-Identifier: Apache-2.0
import { containerDeviceRules, type DeviceRule, ruleText } from '../cgroup/devices/rules.ts';
import { allowsEverything, simplify } from '../cgroup/devices/simplify.ts';
import type { Config } from '../oci/config.ts';
import type { Facility, NoSteps } from './facility.ts';
import type { HostStepOf } from './plan.ts';

/** Steps of the runtime. */
export interface DeviceRuleSteps {
  /**
   * Loads the device program of these rules (simplified): the kernel's verifier runs while the init prepares itself. An
   * init that needs a network waits for it first.
   */
  readonly loadDeviceRules: { readonly when: 'after' | 'connected'; readonly rules: readonly DeviceRule[] };
  /**
   * Attaches the loaded device program after the init's last mount (mounting a disk opens it) and before the hooks,
   * because vendors' hooks change the attached rules.
   */
  readonly attachDeviceRules: { readonly when: 'runtime' | 'ready' };
}

/**
 * Steps for the device rules of a checked config, including the default rules; none if everything is allowed.
 *
 * @param connects - the init waits for its network
 */
export function deviceRuleSteps(
  config: Config,
  connects: boolean,
): [HostStepOf<'loadDeviceRules'>, HostStepOf<'attachDeviceRules'>] | [] {
  const requested = config.linux?.resources?.devices;
  const rules = simplify(containerDeviceRules(requested));
  if (allowsEverything(rules)) return [];
  const origin = requested === undefined || requested.length === 0 ? '' : '/linux/resources/devices';
  const { prestart = [], createRuntime = [] } = config.hooks ?? {};
  return [
    { op: 'loadDeviceRules', when: connects ? 'connected' : 'after', rules, origin },
    {
      op: 'attachDeviceRules',
      when: prestart.length + createRuntime.length > 0 ? 'runtime' : 'ready',
      origin,
    },
  ];
}

export const deviceRulesFacility: Facility<NoSteps, DeviceRuleSteps> = {
  steps: {},
  hostTexts: {
    attachDeviceRules: () => '',
    loadDeviceRules: ({ rules }) => ['deny a *:* rwm', ...rules.map(ruleText)].join('; '),
  },
};

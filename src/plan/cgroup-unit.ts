// SPDX-License-Identifier: Apache-2.0
import type { DeviceRule } from '../cgroup/devices/rules.ts';
import { annotatedProperties } from '../cgroup/systemd/annotations.ts';
import { expandSlice, managerCgroup, unitName } from '../cgroup/systemd/unit-name.ts';
import type { CgroupWrite } from '../cgroup/write.ts';
import type { PlanContext } from './context.ts';
import type { HostStepOf } from './plan.ts';

/**
 * The container's cgroup as a systemd unit: of the system manager for root, of the user's manager otherwise.
 *
 * @throws RuntimeError `config.cgroups-path`, `config.systemd-property`, `config.unsupported`
 */
export function containerUnit(
  { config, facts, options }: PlanContext,
  writes: readonly CgroupWrite[],
  deviceRules: readonly DeviceRule[] | undefined,
): HostStepOf<'startUnit'> {
  const manager = facts.euid === 0 ? 'system' : 'user';
  const asked = config.linux?.cgroupsPath ?? '';
  const { slice, unit } = unitName(asked, options.id, manager);
  return {
    op: 'startUnit',
    when: 'cgroup',
    path: `${managerCgroup(manager, facts.euid)}${expandSlice(slice)}/${unit}`,
    manager,
    unit,
    slice,
    description: `tsubo container ${options.id}`,
    properties: annotatedProperties(config.annotations),
    limits: writes,
    ...(deviceRules !== undefined && { deviceRules }),
    origin: asked === '' ? '' : '/linux/cgroupsPath',
  };
}

// SPDX-License-Identifier: Apache-2.0
import { applyResources } from '../cgroup/apply.ts';
import type { CgroupPlace } from '../cgroup/directory.ts';
import { removeCgroup } from '../cgroup/remove.ts';
import { withWholeQuotas } from '../cgroup/systemd/quota.ts';
import { removeUnit, startUnit } from '../cgroup/systemd/unit.ts';
import type { CgroupWrite } from '../cgroup/write.ts';
import { onHost } from '../errors/system.ts';
import type { Binding } from '../host/binding.d.ts';
import { joinPath } from '../host/paths.ts';
import { ownCgroup } from '../host/read-facts.ts';
import type { HostStep, Plan } from '../plan/plan.ts';
import { giveCgroup } from './make-cgroup.ts';
import type { Moments } from './rendezvous.ts';
import type { Runtime } from './runtime.ts';
import type { UndoList } from './undo.ts';

type StartUnit = Extract<HostStep, { op: 'startUnit' }>;

type DeviceRules = Extract<HostStep, { op: 'setDeviceRules' }>;

/** The step that has systemd make the cgroup, when there is one. */
export function unitStep({ host }: Plan): StartUnit | undefined {
  return host.find((step): step is StartUnit => step.op === 'startUnit');
}

/** The place that a unit will have: what is remembered before it is started. */
export function unitPlace(root: string, { unit, manager, path }: StartUnit): CgroupPlace {
  return { root, path: joinPath(root, path.slice(1)), made: [], unit, manager };
}

/**
 * The moment `cgroup`: systemd makes a cgroup for a process that is there already, so the init is born in ours, is moved
 * now, and makes its cgroup namespace after that.
 *
 * @param moved - is told the place when it is another than was to be expected
 */
export function unitMoments(
  runtime: Runtime,
  plan: Plan,
  place: CgroupPlace | undefined,
  asked: readonly CgroupWrite[],
  undo: UndoList,
  moved: (place: CgroupPlace) => void,
): Moments {
  const step = unitStep(plan);
  if (step === undefined || place?.unit === undefined) return {};
  const { binding } = runtime;
  const { unit } = place;
  const writes = withWholeQuotas(asked);
  const rules = plan.host.find(({ op }) => op === 'setDeviceRules') as DeviceRules | undefined;
  return {
    cgroup: ({ pid }) => {
      startUnit(binding, step, pid, writes, rules?.rules);
      const at = `/proc/${pid}/cgroup`;
      const path = ownCgroup(onHost(`unable to read ${at}`, () => binding.readText(at)));
      const found = { ...place, unit, path: joinPath(place.root, path.slice(1)) };
      undo.arm(`the unit ${unit}`, () => removeUnit(binding, found, 'kill'));
      if (found.path !== place.path) moved(found);
      applyResources(binding, found, writes);
      giveCgroup(runtime, plan, found);
    },
  };
}

/** Removes a container's cgroup, whoever made it. See removeCgroup. */
export function removePlace(binding: Binding, place: CgroupPlace, occupants: 'kill' | 'spare'): void {
  const { unit } = place;
  if (unit === undefined) removeCgroup(binding, place, occupants);
  else removeUnit(binding, { ...place, unit }, occupants);
}

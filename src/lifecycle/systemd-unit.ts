// SPDX-License-Identifier: Apache-2.0
import type { CgroupPlace } from '../cgroup/directory.ts';
import { removeCgroup } from '../cgroup/remove.ts';
import { removeUnit, startUnit as start } from '../cgroup/systemd/unit.ts';
import { onHost } from '../errors/system.ts';
import type { Binding } from '../host/binding.d.ts';
import { joinPath } from '../host/paths.ts';
import { ownCgroup } from '../host/read-facts.ts';
import type { HostOperation } from './host-work.ts';
import { enableWithoutLimits } from './make-cgroup.ts';
import { writeRecord } from './store.ts';

/**
 * systemd makes a cgroup only for an existing process: the init is cloned in the runtime's cgroup, systemd moves it,
 * and the init then unshares its cgroup namespace.
 */
export const startUnit: HostOperation<'startUnit'> = {
  apply([step], work) {
    const place = work.record.cgroup;
    if (step === undefined || place?.unit === undefined) return;
    const { runtime } = work;
    const { binding } = runtime;
    const { unit } = place;
    const { pid } = work.init;
    start(binding, step, pid, step.limits, step.deviceRules);
    const at = `/proc/${pid}/cgroup`;
    const path = ownCgroup(onHost(`unable to read ${at}`, () => binding.readText(at)));
    const found = { ...place, unit, path: joinPath(place.root, path.slice(1)) };
    work.undo.arm(`the unit ${unit}`, () => removeUnit(binding, found, 'kill'));
    if (found.path !== place.path) {
      work.record = { ...work.record, cgroup: found };
      writeRecord(runtime, work.record);
    }
    enableWithoutLimits(work, found);
  },
};

/** Removes a container's cgroup, made by the runtime or by systemd. See removeCgroup. */
export function removePlace(binding: Binding, place: CgroupPlace, occupants: 'kill' | 'spare'): void {
  const { unit } = place;
  if (unit === undefined) removeCgroup(binding, place, occupants);
  else removeUnit(binding, { ...place, unit }, occupants);
}

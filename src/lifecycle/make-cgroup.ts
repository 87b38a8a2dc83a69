// SPDX-License-Identifier: Apache-2.0
import { applyResources } from '../cgroup/apply.ts';
import { enableControllers } from '../cgroup/controllers.ts';
import { delegateCgroup as delegateFiles } from '../cgroup/delegate.ts';
import { type CgroupPlace, makeCgroup as makeDirectories } from '../cgroup/directory.ts';
import { killProcesses } from '../cgroup/processes.ts';
import { removeCgroup } from '../cgroup/remove.ts';
import { removeUnit, startUnit as start } from '../cgroup/systemd/unit.ts';
import { errno } from '../errors/errno.ts';
import { RuntimeError } from '../errors/error.ts';
import { onHost } from '../errors/system.ts';
import type { Binding } from '../host/binding.d.ts';
import { joinPath } from '../host/paths.ts';
import { isMachineRoot } from '../host/privilege.ts';
import { ownCgroup } from '../host/read-facts.ts';
import { withoutPermission } from '../plan/cgroup.ts';
import type { HostContext, HostOperation } from './host-context.ts';
import type { Runtime } from './runtime.ts';
import { writeRecord } from './store.ts';

/**
 * A runtime without root may lack the permission to make a cgroup. The container then has none. If the config
 * requests one or has limits, the create fails.
 */
export const makeCgroup: HostOperation<'makeCgroup'> = {
  apply([step], context) {
    const place = context.record.cgroup;
    if (step === undefined || place === undefined) return;
    const { runtime, undo, plan } = context;
    const { binding, log } = runtime;
    undo.arm(`the cgroup ${place.path}`, () => removeCgroup(binding, place, 'spare'));
    try {
      makeDirectories(binding, place, step.origin);
    } catch (error) {
      if (!(error instanceof RuntimeError) || !isDenial(error) || needsCgroup(runtime)) throw error;
      if (step.origin !== '' || plan.host.some(other => other.op === 'writeCgroup' && !other.optional)) {
        throw withoutPermission(error);
      }
      // Not a warning: nothing requested is missing, and Podman reports the first line as the cause of a later failure.
      log.debug(`${error.message}: the container gets no cgroup of its own`);
      const { cgroup: _, ...without } = context.record;
      context.record = without;
      writeRecord(runtime, context.record);
      return;
    }
    undo.arm(`the processes in ${place.path}`, () => killProcesses(binding, place.path));
    enableWithoutLimits(context, place);
  },
};

/** Enables the controllers for a new cgroup, unless the plan has limits: `writeCgroup` enables them before its values. */
function enableWithoutLimits({ plan, runtime }: HostContext, place: CgroupPlace): void {
  if (!plan.host.some(({ op }) => op === 'writeCgroup')) enableControllers(runtime.binding, place, []);
}

/** Also enables the controllers that the values need. */
export const writeCgroup: HostOperation<'writeCgroup'> = {
  apply(steps, context) {
    const { cgroup } = context.record;
    if (cgroup !== undefined) applyResources(context.runtime.binding, cgroup, steps);
  },
};

export const delegateCgroup: HostOperation<'delegateCgroup'> = {
  apply([step], context) {
    const { cgroup } = context.record;
    if (step === undefined || cgroup === undefined) return;
    const { binding, log } = context.runtime;
    try {
      delegateFiles(binding, cgroup.path, step.uid, step.origin);
    } catch (error) {
      // Without root, chown(2) to another user fails.
      if (!(error instanceof RuntimeError) || !isDenial(error) || needsCgroup(context.runtime)) throw error;
      log.warn(error.message);
    }
  },
};

function needsCgroup({ binding, rootless }: Runtime): boolean {
  return rootless === undefined ? isMachineRoot(binding) : !rootless;
}

function isDenial({ errno: number }: RuntimeError): boolean {
  const denials: readonly (number | undefined)[] = [errno.EACCES, errno.EPERM, errno.EROFS];
  return denials.includes(number);
}

/**
 * systemd makes a cgroup only for an existing process: the init is cloned in the runtime's cgroup, systemd moves it,
 * and the init then unshares its cgroup namespace.
 */
export const startUnit: HostOperation<'startUnit'> = {
  apply([step], context) {
    const place = context.record.cgroup;
    if (step === undefined || place?.unit === undefined) return;
    const { runtime } = context;
    const { binding } = runtime;
    const { unit } = place;
    const { pid } = context.init;
    start(binding, step, pid, step.limits, step.deviceRules);
    const at = `/proc/${pid}/cgroup`;
    const path = ownCgroup(onHost(`unable to read ${at}`, () => binding.readText(at)));
    const found = { ...place, unit, path: joinPath(place.root, path.slice(1)) };
    context.undo.arm(`the unit ${unit}`, () => removeUnit(binding, found, 'kill'));
    if (found.path !== place.path) {
      context.record = { ...context.record, cgroup: found };
      writeRecord(runtime, context.record);
    }
    enableWithoutLimits(context, found);
  },
};

/** Removes a container's cgroup, made by the runtime or by systemd. See removeCgroup. */
export function removePlace(binding: Binding, place: CgroupPlace, occupants: 'kill' | 'spare'): void {
  const { unit } = place;
  if (unit === undefined) removeCgroup(binding, place, occupants);
  else removeUnit(binding, { ...place, unit }, occupants);
}

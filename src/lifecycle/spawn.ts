// SPDX-License-Identifier: Apache-2.0
import { RuntimeError } from '../errors/error.ts';
import { onHost } from '../errors/system.ts';
import type { Spawned } from '../host/binding.d.ts';
import { O } from '../kernel/files.ts';
import { namespaceFlags } from '../oci/namespaces.ts';
import { encodePlan } from '../wire/encode.ts';
import type { HostWork } from './host-work.ts';
import { orOutOfMemory } from './init-exit.ts';
import { spawnError } from './spawn-error.ts';

/** A process, as a pidfd, whose namespaces (CLONE_NEW*) the init is cloned in. The caller closes the pidfd. */
export interface JoinedProcess {
  readonly pidfd: number;
  readonly kinds: number;
}

/** Calls clone3(2): the init starts to run the plan, in its namespaces and its cgroup. */
export function spawnInit(work: HostWork, cgroup: string | undefined, joined?: JoinedProcess): Spawned {
  const { plan, cloneIn } = work;
  const { binding, log } = work.runtime;
  const joins = cloneIn.map(({ fd }) => fd);
  // The runtime's own thread can enter a single pid namespace; all other cases need a helper process.
  const onlyPid = cloneIn.length === 1 && cloneIn[0]?.step.kind === namespaceFlags.pid;
  const directory = cgroup === undefined ? -1 : openCgroup(work, cgroup);
  try {
    const request = {
      plan: encodePlan(plan.container, text => binding.utf8(text)),
      cloneFlags: plan.spawn.cloneFlags,
      cgroup: directory,
      pidNamespace: (onlyPid ? joins[0] : undefined) ?? -1,
      ...(!onlyPid && joins.length > 0 && { joins }),
      ...(joined !== undefined && { joins: [joined.pidfd], joinKinds: joined.kinds }),
      ...(plan.spawn.rootSlot !== undefined && { rootSlot: plan.spawn.rootSlot }),
      preserveFds: plan.spawn.preserveFds,
      fds: inOrder(work.slots),
    };
    for (const step of plan.container) {
      if (step.op === 'loadSeccomp') log.debug(`seccomp filter flags: ${step.flags}`);
    }
    log.debug(`spawning the init: ${plan.container.length} steps, ${request.plan.length} bytes`);
    try {
      return binding.spawn(request);
    } catch (error) {
      const steps = cloneIn.map(({ step }) => step);
      throw orOutOfMemory(binding, spawnError(error, plan, steps), cgroup);
    }
  } finally {
    if (directory !== -1) binding.close(directory);
  }
}

function openCgroup({ runtime }: HostWork, cgroup: string): number {
  const flags = O.O_RDONLY | O.O_CLOEXEC;
  return onHost(`unable to open the cgroup ${cgroup}`, () => runtime.binding.open(cgroup, flags, 0));
}

/** Descriptors of slots 1, 2, ... in order. */
function inOrder(slots: ReadonlyMap<number, number>): number[] {
  const fds: number[] = [];
  for (const [slot, fd] of slots) fds[slot - 1] = fd;
  for (let index = 0; index < fds.length; index++) {
    if (fds[index] === undefined) {
      throw new RuntimeError({ code: 'internal', message: `the plan leaves slot ${index + 1} empty` });
    }
  }
  return fds;
}

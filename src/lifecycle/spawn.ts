// SPDX-License-Identifier: Apache-2.0
import { errno, errnoName, errnoText } from '../errors/errno.ts';
import { RuntimeError } from '../errors/error.ts';
import { hostFailure, isSystemError, onHost } from '../errors/system.ts';
import type { Spawned } from '../host/binding.d.ts';
import { O } from '../kernel/files.ts';
import { namespaceFlags } from '../oci/namespaces.ts';
import type { HostStepOf, Plan } from '../plan/plan.ts';
import { encodePlan } from '../wire/encode.ts';
import type { HostContext } from './host-context.ts';
import { orOutOfMemory } from './init-exit.ts';
import { signalName } from './signals.ts';

/** The helper that joins the namespaces exited without a report: killed by `signal`, or 0 if it exited by itself. */
function helperExitError(signal: number): RuntimeError {
  const how = signal === 0 ? 'it exited' : `killed by ${signalName(signal)}`;
  return new RuntimeError({
    code: 'container.ended',
    stage: 'container',
    message: `unable to spawn the init: the helper that joins the namespaces ended without a report: ${how}`,
    value: how,
    hint: 'another process or the kernel killed it: see the kernel log',
  });
}

/**
 * Explains a failed spawn.
 *
 * @param cloneIn - the namespaces to join, in order
 */
export function spawnError(
  error: unknown,
  plan: Plan,
  cloneIn: readonly HostStepOf<'openNamespace'>[],
): unknown {
  if (!isSystemError(error)) return error;
  const joined = error.syscall === 'setns' ? cloneIn[Number(error.path ?? 0)] : undefined;
  if (joined !== undefined) {
    return new RuntimeError({
      code: 'container.namespace',
      message: `failed to join the namespace of ${joined.origin}: setns: ${errnoText(error.errno)}`,
      pointer: joined.origin,
      path: joined.path,
      syscall: 'setns',
      errno: error.errno,
      errnoName: errnoName(error.errno),
      hint: 'joining a namespace needs CAP_SYS_ADMIN in the user namespace that owns it',
    });
  }
  if (error.errno === errno.ECHILD) return helperExitError(Number(error.path));
  const user = plan.spawn.userNamespace;
  const noNamespaces = user !== undefined && (error.errno === errno.ENOSPC || error.errno === errno.EINVAL);
  // EACCES is about the cgroup: the kernel refuses namespaces with EPERM.
  const cgroupRefused = error.syscall === 'clone3' && error.errno === errno.EACCES;
  return hostFailure(error, 'unable to spawn the init', {
    ...(noNamespaces && { pointer: user }),
    hint: cgroupRefused
      ? 'the common parent of the cgroups of the runtime and the container belongs to another user: run tsubo in a delegated cgroup, for example with systemd-run --user --scope'
      : noNamespaces
        ? 'this kernel has no user namespaces, or the limit in the sysctl user.max_user_namespaces is reached'
        : error.errno === errno.EFBIG
          ? 'the file size limit of the runtime (ulimit -f) is below the size of the init'
          : 'new namespaces need CAP_SYS_ADMIN: run as root',
  });
}

/** A process, as a pidfd, whose namespaces (CLONE_NEW*) the init is cloned in. The caller closes the pidfd. */
export interface JoinedProcess {
  readonly pidfd: number;
  readonly kinds: number;
}

/** Calls clone3(2): the init starts to run the plan, in its namespaces and its cgroup. */
export function spawnInit(context: HostContext, cgroup: string | undefined, joined?: JoinedProcess): Spawned {
  const { plan, cloneIn } = context;
  const { binding, log } = context.runtime;
  const joins = cloneIn.map(({ fd }) => fd);
  // The runtime's own thread can enter a single pid namespace; all other cases need a helper process.
  const onlyPid = cloneIn.length === 1 && cloneIn[0]?.step.kind === namespaceFlags.pid;
  const directory = cgroup === undefined ? -1 : openCgroup(context, cgroup);
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
      fds: inOrder(context.slots),
      ...(context.standard !== undefined && { standard: context.standard }),
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

function openCgroup({ runtime }: HostContext, cgroup: string): number {
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

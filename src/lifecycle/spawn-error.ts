// SPDX-License-Identifier: Apache-2.0
import { errno, errnoName, errnoText } from '../errors/errno.ts';
import { RuntimeError } from '../errors/error.ts';
import { hostFailure, isSystemError } from '../errors/system.ts';
import type { HostStepOf, Plan } from '../plan/plan.ts';
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

// SPDX-License-Identifier: Apache-2.0

import { oomKills } from '../cgroup/oom.ts';
import { errno } from '../errors/errno.ts';
import { RuntimeError } from '../errors/error.ts';
import type { Binding, Spawned } from '../host/binding.d.ts';
import { SIG } from '../kernel/signals.ts';
import type { Plan } from '../plan/plan.ts';
import { killAndWait } from './init-process.ts';
import { signalName } from './signals.ts';

/**
 * Signals of an init that its own seccomp filter ended: SIGSYS for a filter that kills. If the filter returns an error,
 * the init cannot send its report; if its exit is refused too, a fault ends it: SIGILL on x86_64, SIGTRAP on arm64.
 */
const filterSignals: readonly (number | undefined)[] = [31, 4, 5];

/** Returns the error for an init that exited without a report. Reaps the init. */
export function initExitError(
  binding: Binding,
  plan: Plan,
  { pid, pidfd }: Spawned,
  cgroup: string | undefined,
): RuntimeError {
  killAndWait(binding, pidfd);
  const status = binding.reap(pid);
  if (cgroup !== undefined && status?.signal === SIG.SIGKILL && oomKills(binding, cgroup) > 0) {
    return oomError(binding, cgroup);
  }
  const byFilter = filterSignals.includes(status?.signal) || status?.code === 1;
  const filtered = byFilter && plan.container.some(({ op }) => op === 'loadSeccomp');
  const how =
    status?.signal === undefined ? `exit status ${status?.code ?? 'unknown'}` : killed(status.signal);
  return new RuntimeError({
    code: 'container.ended',
    stage: 'container',
    message: `error during container init: the init ended without a report: ${how}`,
    value: how,
    ...(filtered && { pointer: '/linux/seccomp', spec: 'config-linux.md#seccomp' }),
    hint: filtered
      ? 'the seccomp profile forbids a call of the init (the kernel log names it): allow the call, or set process.noNewPrivileges, which loads the profile right before the exec'
      : 'another process or the kernel killed it: see the kernel log',
  });
}

const killed = (signal: number): string => `killed by ${signalName(signal)}`;

/**
 * Replaces an error if the memory limit of the cgroup is the cause. With a very low limit the kernel cannot allocate
 * the process itself, and clone3(2) fails with ENOMEM.
 */
export function orOutOfMemory(binding: Binding, error: unknown, cgroup: string | undefined): unknown {
  if (cgroup === undefined) return error;
  if (!(error instanceof RuntimeError)) return error;
  if (error.value === killed(SIG.SIGKILL) && oomKills(binding, cgroup) > 0) return oomError(binding, cgroup);
  // E2BIG: the arguments of execve(2) exceed the limit.
  const refused = error.errno === errno.ENOMEM || error.errno === errno.E2BIG;
  const limited = refused && /^max [1-9]/m.test(binding.readTextIfThere(`${cgroup}/memory.events`) ?? '');
  return limited ? oomError(binding, cgroup) : error;
}

function oomError(binding: Binding, cgroup: string): RuntimeError {
  const limit = binding.readTextIfThere(`${cgroup}/memory.max`)?.trim();
  return new RuntimeError({
    code: 'container.out-of-memory',
    stage: 'container',
    path: `${cgroup}/memory.max`,
    value: limit,
    message: 'container init was OOM-killed (memory limit too low?)',
    hint: `memory.max of its cgroup is ${limit}: starting a container needs a few hundred kilobytes, and its program more`,
    spec: 'config-linux.md#memory',
  });
}

// SPDX-License-Identifier: Apache-2.0
import { RuntimeError } from '../errors/error.ts';
import type { Binding, Spawned } from '../host/binding.d.ts';
import type { Plan } from '../plan/plan.ts';
import { killAndWait } from './init.ts';
import { signalName } from './signals.ts';

/** Of a call that a filter does not allow. */
const SIGSYS = 31;

/** The init is gone and said nothing. */
export function endedError(binding: Binding, plan: Plan, { pid, pidfd }: Spawned): RuntimeError {
  killAndWait(binding, pidfd);
  const status = binding.reap(pid);
  const filtered = status?.signal === SIGSYS && plan.container.some(({ op }) => op === 'loadSeccomp');
  const how =
    status?.signal === undefined
      ? `exit status ${status?.code ?? 'unknown'}`
      : `killed by ${signalName(status.signal)}`;
  return new RuntimeError({
    code: 'container.ended',
    stage: 'container',
    message: `error during container init: the init ended without a report: ${how}`,
    value: how,
    ...(filtered && { pointer: '/linux/seccomp', spec: 'config-linux.md#seccomp' }),
    hint: filtered
      ? 'the seccomp profile forbids a call that the init itself makes, which the kernel log names: allow it, or set process.noNewPrivileges, with which the profile begins right before the program'
      : 'out of memory? See the kernel log and memory.events of the cgroup',
  });
}

// SPDX-License-Identifier: Apache-2.0
import { errno } from '../errors/errno.ts';
import type { RuntimeError } from '../errors/error.ts';
import { hostFailure, isSystemError, onHost } from '../errors/system.ts';
import type { SystemError } from '../host/binding.d.ts';
import type { HostStepOf } from '../plan/plan.ts';
import { rlimitText } from '../plan/rlimits.ts';
import type { HostOperation, HostWork } from './host-work.ts';

export const limitInit: HostOperation<'limitInit'> = {
  apply(steps, work) {
    const { binding } = work.runtime;
    const { pid } = work.init;
    for (const step of steps) {
      const { resource, soft, hard, origin } = step;
      onHost(
        `error setting rlimit type ${resource}`,
        () => binding.limitProcess(pid, resource, String(soft), String(hard)),
        {
          code: 'container.rlimit',
          pointer: origin,
          value: rlimitText(step),
          hint: 'the hard limit cannot be raised without CAP_SYS_RESOURCE: use at most the hard limit of the runtime',
        },
      );
    }
  },
};

type SetOomScoreAdj = HostStepOf<'setOomScoreAdj'>;

const own = '/proc/self/oom_score_adj';

export const setOomScoreAdj: HostOperation<'setOomScoreAdj'> = {
  startFailure: true,
  apply([step], work) {
    if (step === undefined) return;
    try {
      if (step.when === 'before') setOwn(step, work);
      else work.runtime.binding.writeText(`/proc/${work.init.pid}/oom_score_adj`, String(step.value), 0, 0);
    } catch (error) {
      if (!isSystemError(error)) throw error;
      // The init has exited, and its report has the cause.
      if (step.when === 'after' && (error.errno === errno.ENOENT || error.errno === errno.ESRCH)) return;
      throw refusal(step, work.plan.host.indexOf(step), error);
    }
  },
};

/**
 * A runtime without root cannot write the init's file. It sets its own score before the clone, and the init inherits
 * it.
 */
function setOwn(step: SetOomScoreAdj, work: HostWork): void {
  const { binding } = work.runtime;
  const before = binding.readText(own).trim();
  binding.writeText(own, String(step.value), 0, 0);
  work.restoreOomScore = () => {
    work.restoreOomScore = undefined;
    binding.writeText(own, before, 0, 0);
  };
  work.undo.arm('the oom_score_adj of the runtime', () => work.restoreOomScore?.());
}

export const restoreOomScoreAdj: HostOperation<'restoreOomScoreAdj'> = {
  apply(_, work) {
    work.restoreOomScore?.();
  },
};

function refusal({ value, origin }: SetOomScoreAdj, index: number, error: SystemError): RuntimeError {
  return hostFailure(error, `unable to set oom_score_adj to ${value}`, {
    pointer: origin,
    step: index,
    value: String(value),
    spec: 'config.md#linux-process',
    hint: 'a value below that of the runtime itself needs CAP_SYS_RESOURCE',
  });
}

// SPDX-License-Identifier: Apache-2.0
import { errno } from '../errors/errno.ts';
import { isSystemError } from '../errors/system.ts';
import { hostStepFailure, onHostStep } from '../plan/explain.ts';
import type { HostStepOf } from '../plan/plan.ts';
import type { HostOperation, HostWork } from './host-work.ts';

export const limitInit: HostOperation<'limitInit'> = {
  apply(steps, work) {
    const { binding } = work.runtime;
    const { pid } = work.init;
    for (const step of steps) {
      const { resource, soft, hard } = step;
      onHostStep(step, () => binding.limitProcess(pid, resource, String(soft), String(hard)));
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
      throw hostStepFailure(step, error).with({ step: work.plan.host.indexOf(step) });
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

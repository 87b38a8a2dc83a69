// SPDX-License-Identifier: Apache-2.0
import { errno } from '../errors/errno.ts';
import { isSystemError } from '../errors/system.ts';
import { hostStepFailure, onHostStep } from '../plan/explain.ts';
import type { HostStepOf } from '../plan/plan.ts';
import type { HostContext, HostOperation } from './host-context.ts';

export const limitInit: HostOperation<'limitInit'> = {
  apply(steps, context) {
    const { binding } = context.runtime;
    const { pid } = context.init;
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
  apply([step], context) {
    if (step === undefined) return;
    try {
      if (step.when === 'before') setOwn(step, context);
      else
        context.runtime.binding.writeText(
          `/proc/${context.init.pid}/oom_score_adj`,
          String(step.value),
          0,
          0,
        );
    } catch (error) {
      if (!isSystemError(error)) throw error;
      // The init has exited, and its report has the cause.
      if (step.when === 'after' && (error.errno === errno.ENOENT || error.errno === errno.ESRCH)) return;
      throw hostStepFailure(step, error).with({ step: context.plan.host.indexOf(step) });
    }
  },
};

/**
 * A runtime without root cannot write the init's file. It sets its own score before the clone, because the init
 * inherits that.
 */
function setOwn(step: SetOomScoreAdj, context: HostContext): void {
  const { binding } = context.runtime;
  const before = binding.readText(own).trim();
  binding.writeText(own, String(step.value), 0, 0);
  context.restoreOomScore = () => {
    context.restoreOomScore = undefined;
    binding.writeText(own, before, 0, 0);
  };
  context.undo.arm('the oom_score_adj of the runtime', () => context.restoreOomScore?.());
}

export const restoreOomScoreAdj: HostOperation<'restoreOomScoreAdj'> = {
  apply(_, context) {
    context.restoreOomScore?.();
  },
};

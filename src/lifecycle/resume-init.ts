// SPDX-License-Identifier: Apache-2.0
import { RuntimeError } from '../errors/error.ts';
import { onHost } from '../errors/system.ts';
import { explainFailure } from '../plan/explain.ts';
import type { Operation } from '../wire/steps.ts';
import { endedError } from './ended.ts';
import type { HostOperation, HostWork } from './host-work.ts';

export const resumeInit: HostOperation<'resumeInit'> = {
  starting: true,
  apply(_, work) {
    const { binding } = work.runtime;
    const { plan, config, init } = work;
    onHost('unable to resume the init', () => binding.resume(init.channel));
    if (plan.spawn.startFifo === undefined) {
      // The end of the channel is the exec, which closes what the init held.
      const report = onHost('unable to receive a report of the init', () =>
        binding.awaitReport(init.channel),
      );
      if (report.kind === 'failed') throw new RuntimeError(explainFailure(plan, report, config));
      if (endedBeforeExec(work)) throw endedError(binding, plan, init, work.cgroup);
    }
    work.closeChannel();
  },
};

/**
 * A filter that is loaded right before the exec may refuse the exec, the report of that, and the exit: the channel ends as
 * it does at an exec. The init has its own name until then.
 */
function endedBeforeExec({ runtime: { binding }, plan, init }: HostWork): boolean {
  const placeOf = (wanted: Operation): number => plan.container.findIndex(({ op }) => op === wanted);
  if (placeOf('loadSeccomp') < placeOf('ready') || !binding.pidfdWait(init.pidfd, 0)) return false;
  return binding.readTextIfThere(`/proc/${init.pid}/stat`)?.includes('(tsubo:[init])') === true;
}

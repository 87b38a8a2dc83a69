// SPDX-License-Identifier: Apache-2.0
import { RuntimeError } from '../errors/error.ts';
import { onHost } from '../errors/system.ts';
import { explainFailure } from '../plan/explain.ts';
import type { HostOperation } from './host-work.ts';

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
    }
    work.closeChannel();
  },
};

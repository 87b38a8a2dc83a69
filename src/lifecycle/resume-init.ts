// SPDX-License-Identifier: Apache-2.0
import { RuntimeError } from '../errors/error.ts';
import { onHost } from '../errors/system.ts';
import { unlessMissing } from '../host/files.ts';
import { joinPath } from '../host/paths.ts';
import { explainFailure, onHostStep } from '../plan/explain.ts';
import type { Operation } from '../wire/steps.ts';
import type { HostContext, HostOperation } from './host-context.ts';
import { initExitError } from './init-exit.ts';
import { files } from './record.ts';

/** The FIFO is in the state directory and is removed with it. */
export const makeStartFifo: HostOperation<'makeStartFifo'> = {
  apply([step], context) {
    if (step === undefined) return;
    const { binding } = context.runtime;
    const path = joinPath(context.stateDirectory, files.startFifo);
    context.handOver(
      step.slot,
      onHostStep(step, () => binding.makeFullFifo(path, 0o600)),
    );
  },
};

/** The format that engines read: digits, no newline, replaced in one step. */
export const writePidFile: HostOperation<'writePidFile'> = {
  apply([step], context) {
    if (step === undefined) return;
    const { binding } = context.runtime;
    const { path } = step;
    onHostStep(step, () => binding.replaceText(path, String(context.init.pid), 0o666));
    context.undo.arm(`the pid file ${path}`, () => unlessMissing(() => binding.unlink(path)));
  },
};

/** Name sent with the pidfd: engines distinguish a container's init from an executed process by it. */
const names = { init: 'standard', exec: 'setns' } as const;

/** The listener gets the pidfd before the program runs. */
export const sendPidfd: HostOperation<'sendPidfd'> = {
  apply([step], context) {
    if (step === undefined) return;
    const { binding } = context.runtime;
    const name = context.subject.initPid === undefined ? names.init : names.exec;
    onHostStep(step, () => binding.sendDescriptor(step.path, context.init.pidfd, name));
  },
};

export const resumeInit: HostOperation<'resumeInit'> = {
  startFailure: true,
  apply(_, context) {
    const { binding } = context.runtime;
    const { plan, config, init } = context;
    onHost('unable to resume the init', () => binding.resume(init.channel));
    if (plan.spawn.startFifo === undefined) {
      // EOF: the exec has closed the init's end of the channel, or the init has exited without a report.
      const report = onHost('unable to receive a report of the init', () =>
        binding.awaitReport(init.channel),
      );
      if (report.kind === 'failed') throw new RuntimeError(explainFailure(plan, report, config));
      if (endedBeforeExec(context)) throw initExitError(binding, plan, init, context.cgroup);
    }
    context.closeChannel();
  },
};

/** Reads of the process state after the end of its channel, 1 ms apart. */
const attempts = 1000;

/**
 * Returns true if the init exited before the exec. A filter that is loaded right before the exec can refuse the exec,
 * the report and the exit: the channel then ends as after an exec. The process has the init's name until the exec.
 *
 * The kernel closes the channel a moment before an exec changes the name, and a moment before an exiting process is a
 * zombie: a process that still runs under the init's name is checked again.
 */
function endedBeforeExec({ runtime: { binding }, plan, init }: HostContext): boolean {
  const placeOf = (wanted: Operation): number => plan.container.findIndex(({ op }) => op === wanted);
  if (placeOf('loadSeccomp') < placeOf('ready')) return false;
  for (let attempt = 0; attempt < attempts; attempt++) {
    const exited = binding.pidfdWait(init.pidfd, attempt === 0 ? 0 : 1);
    const isInit = binding.readTextIfThere(`/proc/${init.pid}/stat`)?.includes('(tsubo:[init])') === true;
    if (exited || !isInit) return exited && isInit;
  }
  return false;
}

// SPDX-License-Identifier: Apache-2.0
import { RuntimeError } from '../errors/error.ts';
import { onHost, toRuntimeError } from '../errors/system.ts';
import type { Report, Spawned } from '../host/binding.d.ts';
import { explainFailure } from '../plan/explain.ts';
import { momentOf } from '../plan/moments.ts';
import type { HostOperationName, HostStep, HostStepOf, When } from '../plan/plan.ts';
import { takeTerminal } from './console.ts';
import { attachDeviceRules, loadDeviceRules } from './device-filter.ts';
import { endedError } from './ended.ts';
import { saveExecData } from './exec-data.ts';
import { runHook } from './hooks.ts';
import { cloneTree, mapTree } from './host-trees.ts';
import { type HostOperation, type HostWork, WaitingInit } from './host-work.ts';
import { mapIds } from './id-maps.ts';
import { identify, killAndWait } from './init.ts';
import { openDirectory, openNamespace } from './join.ts';
import { limitInit } from './limits.ts';
import { delegateCgroup, makeCgroup, writeCgroup } from './make-cgroup.ts';
import { moveNetDevice } from './net-devices.ts';
import { restoreOomScoreAdj, setOomScoreAdj } from './oom-score.ts';
import { writePidFile } from './pid-file.ts';
import { sendPidfd } from './pidfd-socket.ts';
import { joinRdtGroup, makeRdtGroup } from './rdt.ts';
import type { InitRecord } from './record.ts';
import { makeState, saveInit, saveRecord } from './record-steps.ts';
import { resumeInit } from './resume-init.ts';
import { sendListener } from './seccomp-agent.ts';
import { makeStartFifo } from './start-fifo.ts';
import { writeTimeOffsets } from './time-offsets.ts';
import { startUnit } from './unit.ts';

const operations: { readonly [Op in HostOperationName]: HostOperation<Op> } = {
  attachDeviceRules,
  cloneTree,
  delegateCgroup,
  joinRdtGroup,
  limitInit,
  loadDeviceRules,
  makeCgroup,
  makeRdtGroup,
  makeStartFifo,
  makeState,
  mapIds,
  mapTree,
  moveNetDevice,
  openDirectory,
  openNamespace,
  restoreOomScoreAdj,
  resumeInit,
  runHook,
  saveExecData,
  saveInit,
  saveRecord,
  sendListener,
  sendPidfd,
  setOomScoreAdj,
  startUnit,
  takeTerminal,
  writeCgroup,
  writePidFile,
  writeTimeOffsets,
};

/**
 * Walks the host's half of a plan from its first step to `resumeInit`, with the clone where it belongs: `create`, `run` and
 * `exec` are this function. On a failure everything is taken back, in reverse.
 *
 * @param clone - calls clone3(2); the descriptors of `work` are open, and closed after it
 * @returns the init, with its pidfd, which becomes the caller's
 */
export function walkHostSteps(work: HostWork, clone: () => Spawned): InitRecord & { readonly pidfd: number } {
  const { binding } = work.runtime;
  try {
    try {
      perform(work, 'before');
      asStarting(() => work.born(clone()));
    } finally {
      work.closeHanded();
    }
    work.undo.arm(`process ${work.init.pid}`, () => killInit(work));
    asStarting(() => {
      perform(work, 'after');
      // While the init walks its steps: one that has ended is a zombie, which can still be looked at.
      work.startTime = identify(binding, work.init.pid)?.startTime;
      converse(work);
      if (work.startTime === undefined) throw ended(work);
    });
    perform(work, 'ready');
    work.undo.disarm();
    const { pid, pidfd } = work.init;
    return { pid, startTime: work.startTime as number, pidfd };
  } catch (error) {
    throw work.undo.fail(error);
  } finally {
    work.end();
  }
}

/** Reports a failure of `work` as one of starting the process, in the words of runc, which users of engines search for. */
export function asStarting<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    const failure = toRuntimeError(error);
    throw failure.with({ message: `unable to start container process: ${failure.message}` });
  }
}

/** Performs the steps of one time; at `mapTree` the next one, which is that of the place at which the init waits. */
function perform(work: HostWork, when: When): void {
  const { host } = work.plan;
  for (let index = when === 'mapTree' ? work.nextMapTree : 0; index < host.length; ) {
    const step = host[index] as HostStep;
    if (step.when !== when || (when === 'mapTree' && step.origin !== work.at.origin)) {
      index += 1;
      continue;
    }
    index += applyRun(work, step.op, index, when);
    if (when !== 'mapTree') continue;
    work.nextMapTree = index;
    return;
  }
}

/** Applies the steps from `index` on that have the same operation and time, and returns how many there are. */
function applyRun<Op extends HostOperationName>(work: HostWork, op: Op, index: number, when: When): number {
  const { host } = work.plan;
  const run: HostStepOf<Op>[] = [];
  for (let at = index; at < host.length; at++) {
    const step = host[at];
    if (step === undefined || !isOf(step, op) || step.when !== when) break;
    run.push(step);
    if (when === 'mapTree') break;
  }
  const operation: HostOperation<Op> = operations[op];
  const apply = (): void => operation.apply(run, work);
  if (operation.starting === true) asStarting(apply);
  else apply();
  return run.length;
}

function isOf<Op extends HostOperationName>(step: HostStep, op: Op): step is HostStep & HostStepOf<Op> {
  return step.op === op;
}

function killInit(work: HostWork): void {
  const { binding } = work.runtime;
  const { pid, pidfd } = work.init;
  work.closeChannel();
  const ended = killAndWait(binding, pidfd);
  if (ended) binding.reap(pid);
  binding.close(pidfd);
  if (!ended) throw new RuntimeError({ code: 'state.running', message: 'it does not end on SIGKILL' });
}

/** Receives the init's reports until it is ready, and performs the steps of each moment at which it waits. */
function converse(work: HostWork): void {
  const { binding } = work.runtime;
  const { plan, config } = work;
  for (;;) {
    const report = onHost('unable to receive a report of the init', () =>
      binding.awaitReport(work.init.channel),
    );
    switch (report.kind) {
      case 'ready':
        return;
      case 'waiting':
        keepMoment(work, report);
        break;
      case 'born':
        work.continueAs(report.step);
        work.startTime = identify(binding, report.step)?.startTime;
        break;
      case 'failed': {
        const failure = explainFailure(plan, report, config);
        throw new RuntimeError({
          ...failure,
          message: `error during container init: ${failure.message}`,
        });
      }
      case 'ended':
        throw ended(work);
    }
  }
}

function ended(work: HostWork): RuntimeError {
  return endedError(work.runtime.binding, work.plan, work.init, work.cgroup);
}

function keepMoment(work: HostWork, report: Report): void {
  const { binding } = work.runtime;
  const step = work.plan.container[report.step];
  const moment = momentOf(step);
  if (step === undefined || moment === undefined) {
    throw new RuntimeError({
      code: 'internal',
      message: `the init waits at step ${report.step}, which has no moment`,
      step: report.step,
    });
  }
  let sent = report.fd;
  if (moment === 'seccomp') {
    const { pidfd, channel } = work.init;
    sent = onHost(
      "unable to take the seccomp filter's listener",
      () => binding.takeDescriptor(pidfd, report.errno, channel),
      { pointer: step.origin, hint: 'pidfd_getfd(2) needs CAP_SYS_PTRACE' },
    );
    // The init has reported something else, or has ended: the next report has the cause.
    if (sent === undefined) return;
  }
  work.waiting = new WaitingInit(moment, step, sent);
  try {
    perform(work, moment);
    work.resume();
  } finally {
    work.leaveMoment();
  }
}

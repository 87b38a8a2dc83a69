// SPDX-License-Identifier: Apache-2.0
import { RuntimeError } from '../errors/error.ts';
import { onHost, toRuntimeError } from '../errors/system.ts';
import type { Binding, Report, Spawned } from '../host/binding.d.ts';
import { explainFailure } from '../plan/explain.ts';
import type { HostOperationName, HostStep, HostStepOf, When } from '../plan/plan.ts';
import { syncPointOf } from '../plan/sync-points.ts';
import { takeTerminal } from './console.ts';
import { attachDeviceRules, loadDeviceRules } from './device-filter.ts';
import { withEmptyRootHint } from './empty-root.ts';
import { saveExecData } from './exec-data.ts';
import { runHook } from './hooks.ts';
import { type HostContext, type HostOperation, type InspectFindings, WaitingInit } from './host-context.ts';
import { cloneTree, makeUnion, mapTree } from './host-trees.ts';
import { mapIds } from './id-maps.ts';
import { initExitError } from './init-exit.ts';
import { limitInit, restoreOomScoreAdj, setOomScoreAdj } from './init-limits.ts';
import { identify, killAndWait } from './init-process.ts';
import { delegateCgroup, makeCgroup, startUnit, writeCgroup } from './make-cgroup.ts';
import { recordMount } from './mount-list.ts';
import { openDirectory, openNamespace, writeTimeOffsets } from './namespaces.ts';
import { moveNetDevice } from './net-devices.ts';
import { writeNetworkFiles } from './network/files.ts';
import { claimAddress, makeNetwork, makeVeth } from './network.ts';
import { makeNotifyDirectory } from './notify.ts';
import { publishPorts, reservePorts } from './ports.ts';
import { joinRdtGroup, makeRdtGroup } from './rdt.ts';
import type { InitRecord } from './record.ts';
import { makeState, saveInit, saveRecord } from './record-steps.ts';
import { makeStartFifo, resumeInit, sendPidfd, writePidFile } from './resume-init.ts';
import { sendListener } from './seccomp-agent.ts';
import { connectNetwork } from './user-network.ts';

const operations: { readonly [Op in HostOperationName]: HostOperation<Op> } = {
  attachDeviceRules,
  claimAddress,
  cloneTree,
  connectNetwork,
  delegateCgroup,
  joinRdtGroup,
  limitInit,
  loadDeviceRules,
  makeCgroup,
  makeNetwork,
  makeNotifyDirectory,
  makeRdtGroup,
  makeStartFifo,
  makeState,
  makeUnion,
  makeVeth,
  mapIds,
  mapTree,
  moveNetDevice,
  openDirectory,
  openNamespace,
  publishPorts,
  recordMount,
  reservePorts,
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
  writeNetworkFiles,
  writePidFile,
  writeTimeOffsets,
};

/**
 * Applies the host's half of a plan from its first step to `resumeInit`, with the clone between `before` and `after`.
 * `create`, `run` and `exec` all call it. A failure undoes everything, in reverse order.
 *
 * @param clone - calls clone3(2); the descriptors of `context` are open during the call and closed after it
 * @returns the init with its pidfd, which the caller owns
 */
export function performHostSteps(
  context: HostContext,
  clone: () => Spawned,
): InitRecord & { readonly pidfd: number } {
  const { binding } = context.runtime;
  const named = context.startsNothing ? (work: () => void) => work() : asStartFailure;
  try {
    try {
      perform(context, 'before');
      named(() => context.cloned(clone()));
    } finally {
      context.closeHanded();
    }
    context.undo.arm(`process ${context.init.pid}`, () => killInit(context));
    named(() => {
      perform(context, 'after');
      // Read this while the init runs its steps. An init that has exited is a zombie and still in /proc.
      context.startTime = identify(binding, context.init.pid)?.startTime;
      handleReports(context);
      if (context.startTime === undefined) throw exitError(context);
    });
    perform(context, 'ready');
    context.undo.disarm();
    const { pid, pidfd } = context.init;
    return { pid, startTime: context.startTime as number, pidfd };
  } catch (error) {
    throw context.undo.fail(error);
  } finally {
    context.end();
  }
}

/** Adds the prefix of runc for a failed start, because users of engines search for this text. */
export function asStartFailure<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    const failure = toRuntimeError(error);
    throw failure.with({ message: `unable to start container process: ${failure.message}` });
  }
}

/** Performs the steps of one time (`when`). At `mapTree`, only the next step whose origin is that of the waiting init. */
export function perform(context: HostContext, when: When): void {
  const { host } = context.plan;
  for (let index = when === 'mapTree' ? context.nextMapTree : 0; index < host.length; ) {
    const step = host[index] as HostStep;
    if (step.when !== when || (when === 'mapTree' && step.origin !== context.at.origin)) {
      index += 1;
      continue;
    }
    index += applyRun(context, step.op, index, when);
    if (when !== 'mapTree') continue;
    context.nextMapTree = index;
    return;
  }
}

/** Performs the steps of one operation, for a restore, whose times differ from those of a create. */
export function performOperation(context: HostContext, op: HostOperationName): void {
  const { host } = context.plan;
  for (let index = 0; index < host.length; ) {
    const step = host[index] as HostStep;
    index += step.op === op ? applyRun(context, op, index, step.when) : 1;
  }
}

/** Applies the consecutive steps from `index` on with the same operation and time; returns their number. */
function applyRun<Op extends HostOperationName>(
  context: HostContext,
  op: Op,
  index: number,
  when: When,
): number {
  const { host } = context.plan;
  const run: HostStepOf<Op>[] = [];
  for (let at = index; at < host.length; at++) {
    const step = host[at];
    if (step === undefined || !isOf(step, op) || step.when !== when) break;
    run.push(step);
    if (when === 'mapTree') break;
  }
  const operation: HostOperation<Op> = operations[op];
  const apply = (): void => operation.apply(run, context);
  if (operation.startFailure === true && !context.startsNothing) asStartFailure(apply);
  else apply();
  return run.length;
}

/** Compares one step with the machine, for `check`. */
export function inspectOperation<Op extends HostOperationName>(
  step: HostStepOf<Op>,
  binding: Binding,
  findings: InspectFindings,
): void {
  const operation: HostOperation<Op> = operations[step.op];
  operation.inspect?.(step, binding, findings);
}

function isOf<Op extends HostOperationName>(step: HostStep, op: Op): step is HostStep & HostStepOf<Op> {
  return step.op === op;
}

function killInit(context: HostContext): void {
  const { binding } = context.runtime;
  const { pid, pidfd } = context.init;
  context.closeChannel();
  const ended = killAndWait(binding, pidfd);
  if (ended) binding.reap(pid);
  binding.close(pidfd);
  if (!ended) throw new RuntimeError({ code: 'state.running', message: 'it has not exited after SIGKILL' });
}

/** Receives the init's reports until it is ready, and performs the steps of each sync point at which it waits. */
function handleReports(context: HostContext): void {
  const { binding } = context.runtime;
  const { plan, config } = context;
  for (;;) {
    const report = onHost('unable to receive a report of the init', () =>
      binding.awaitReport(context.init.channel),
    );
    switch (report.kind) {
      case 'ready':
        return;
      case 'waiting':
        performSyncPoint(context, report);
        break;
      case 'cloned':
        context.continueAs(report.step);
        context.startTime = identify(binding, report.step)?.startTime;
        break;
      case 'failed': {
        if (context.startsNothing) throw new RuntimeError(explainFailure(plan, report, config));
        const failure = withEmptyRootHint(binding, explainFailure(plan, report, config), plan, config);
        throw new RuntimeError({
          ...failure,
          message: `error during container init: ${failure.message}`,
        });
      }
      case 'ended':
        throw exitError(context);
    }
  }
}

function exitError(context: HostContext): RuntimeError {
  return initExitError(context.runtime.binding, context.plan, context.init, context.cgroup);
}

function performSyncPoint(context: HostContext, report: Report): void {
  const { binding } = context.runtime;
  const step = context.plan.container[report.step];
  const point = syncPointOf(step);
  if (step === undefined || point === undefined) {
    throw new RuntimeError({
      code: 'internal',
      message: `the init waits at step ${report.step}, which is not a sync point`,
      step: report.step,
    });
  }
  let sent = report.fd;
  if (point === 'seccomp') {
    const { pidfd, channel } = context.init;
    sent = onHost(
      "unable to take the seccomp filter's listener",
      () => binding.takeDescriptor(pidfd, report.errno, channel),
      { pointer: step.origin, hint: 'pidfd_getfd(2) needs CAP_SYS_PTRACE' },
    );
    // The init has reported something else or has exited: the next report has the cause.
    if (sent === undefined) return;
  }
  context.waiting = new WaitingInit(point, step, sent, report.detail);
  try {
    perform(context, point);
    context.resume();
    if (point === 'network') perform(context, 'connected');
  } finally {
    context.leaveSyncPoint();
  }
}

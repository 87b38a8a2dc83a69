// SPDX-License-Identifier: Apache-2.0
import { featuresDocument } from '../../cli/features-document.ts';
import type { Binding } from '../../host/binding.d.ts';
import { readFacts } from '../../host/read-facts.ts';
import { type CheckBundleOptions, checkBundle } from '../../inspect/check-bundle.ts';
import { type CheckpointOptions, checkpointContainer } from '../../lifecycle/checkpoint.ts';
import { type CreateOptions, createContainer } from '../../lifecycle/create.ts';
import { type DeleteOptions, deleteContainer } from '../../lifecycle/delete.ts';
import { containerStats } from '../../lifecycle/events.ts';
import { type ExecOptions, startInContainer } from '../../lifecycle/exec.ts';
import { addMount, listMounts, removeMount } from '../../lifecycle/hot-mounts.ts';
import { withInit } from '../../lifecycle/init-process.ts';
import { killContainer } from '../../lifecycle/kill.ts';
import { listContainers } from '../../lifecycle/list.ts';
import type { RecordedMount } from '../../lifecycle/mount-list.ts';
import { pauseContainer, resumeContainer } from '../../lifecycle/pause.ts';
import { prepare } from '../../lifecycle/prepare.ts';
import { containerProcesses } from '../../lifecycle/ps.ts';
import type { InitRecord } from '../../lifecycle/record.ts';
import { type RestoreOptions, startRestored } from '../../lifecycle/restore.ts';
import type { Runtime } from '../../lifecycle/runtime.ts';
import { signalNumber } from '../../lifecycle/signals.ts';
import { afterExec, startContainer } from '../../lifecycle/start.ts';
import { containerState } from '../../lifecycle/state.ts';
import { readRecord } from '../../lifecycle/store.ts';
import { updateContainer } from '../../lifecycle/update.ts';
import { warnOf } from '../../lifecycle/warnings.ts';
import type { Resources } from '../../oci/resources.ts';
import type { StateOutput } from '../../oci/state.ts';
import { describePlan } from '../../plan/describe.ts';

/** A process that has been started: a child of this process. Its descriptors belong to the caller. */
export interface StartedProcess {
  readonly pid: number;
  readonly pidfd: number;
  /** The master of its terminal, if it has one. */
  readonly master?: number;
  /** Identity of the init, if the process is one. */
  readonly identity?: InitRecord;
}

/**
 * The operations that a thread performs. Arguments and results can be copied to another thread; descriptors are valid in
 * all threads of the process.
 */
export const operations = {
  /** Creates a container; its program waits for `start`. */
  create(runtime: Runtime, options: CreateOptions): StartedProcess {
    const { init, pidfd, master } = createContainer(runtime, { ...options, keepTerminal: true });
    return { ...started(init.pid, pidfd, master), identity: init };
  },

  /** Creates a container whose program runs at once. */
  run(runtime: Runtime, options: CreateOptions): StartedProcess {
    const created = createContainer(runtime, { ...options, startNow: true, keepTerminal: true });
    try {
      afterExec(runtime, created.record);
    } catch (error) {
      deleteContainer(notReaping(runtime), options.id, { force: true });
      runtime.binding.close(created.pidfd);
      if (created.master !== undefined) runtime.binding.close(created.master);
      throw error;
    }
    return {
      ...started(created.init.pid, created.pidfd, created.master),
      identity: created.init,
    };
  },

  start: startContainer,

  exec(runtime: Runtime, id: string, options: ExecOptions): StartedProcess {
    // Always detached: the wait must be asynchronous, and signals to this process must not be forwarded.
    const all = { ...options, detach: true, keepTerminal: options.consoleSocket === undefined };
    const { pid, pidfd, master } = startInContainer(runtime, id, all);
    return started(pid, pidfd, master);
  },

  state: containerState,

  kill(runtime: Runtime, id: string, signal: string | number): void {
    killContainer(runtime, id, signalNumber(String(signal)));
  },

  update(runtime: Runtime, id: string, resources: Resources): void {
    updateContainer(runtime, id, resources);
  },

  addMount,
  removeMount,

  mounts(runtime: Runtime, id: string): readonly Omit<RecordedMount, 'identity'>[] {
    return listMounts(runtime, id).map(({ identity: _, ...mount }) => mount);
  },

  checkpoint(runtime: Runtime, id: string, options: CheckpointOptions): void {
    checkpointContainer(notReaping(runtime), id, options);
  },

  restore(runtime: Runtime, options: RestoreOptions): StartedProcess {
    const { init, pidfd, terminals } = startRestored(runtime, { ...options, detach: true });
    terminals?.close();
    return { ...started(init.pid, pidfd, undefined), identity: init };
  },

  pause: pauseContainer,
  resume: resumeContainer,
  processes: containerProcesses,
  stats: containerStats,

  delete(runtime: Runtime, id: string, options: Pick<DeleteOptions, 'force' | 'only'>): void {
    deleteContainer(notReaping(runtime), id, options);
  },

  list(runtime: Runtime): readonly StateOutput[] {
    const { containers, damaged } = listContainers(runtime, { rootMustExist: false, brief: false });
    for (const { message } of damaged) runtime.log.warn(message);
    return containers;
  },

  /** A pidfd of the container's init; undefined if it has exited. */
  open(runtime: Runtime, id: string): number | undefined {
    const { binding } = runtime;
    const { init } = readRecord(runtime, id);
    return init && withInit(binding, init, () => binding.pidfdOpen(init.pid));
  },

  check: (runtime: Runtime, bundle: string, options: CheckBundleOptions) =>
    checkBundle(runtime.binding, bundle, options),

  plan(runtime: Runtime, bundle: string, options: Partial<CreateOptions>): unknown {
    const { plan, warnings } = prepare(runtime, { id: 'ID', ...options, bundle });
    warnOf(runtime, warnings);
    return JSON.parse(describePlan(plan, 'json'));
  },

  features: (runtime: Runtime) => featuresDocument(readFacts(runtime.binding).kernel),
};

export type Operations = typeof operations;

function started(pid: number, pidfd: number, master: number | undefined): StartedProcess {
  return { pid, pidfd, ...(master !== undefined && { master }) };
}

/**
 * Returns a runtime that does not reap children, because the library waits for them itself and needs their exit status.
 */
function notReaping(runtime: Runtime): Runtime {
  const binding = Object.assign(Object.create(runtime.binding) as Binding, { reap: () => undefined });
  return { ...runtime, binding };
}

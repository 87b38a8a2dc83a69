// SPDX-License-Identifier: Apache-2.0
import { RuntimeError } from '../errors/error.ts';
import { onHost, toRuntimeError } from '../errors/system.ts';
import type { Spawned } from '../host/binding.d.ts';
import { openFlags } from '../host/files.ts';
import { joinPath } from '../host/paths.ts';
import { namespaceFlags } from '../oci/namespaces.ts';
import type { Plan } from '../plan/plan.ts';
import { encodePlan } from '../wire/encode.ts';
import { endedError, orOutOfMemory } from './ended.ts';
import { identify, killAndWait } from './init.ts';
import { type OpenNamespace, openNamespace } from './join.ts';
import { lendOomScore, setOomScoreAdj } from './oom-score.ts';
import { files, type InitRecord } from './record.ts';
import { awaitExec, awaitReady, type Moments, type Walk } from './rendezvous.ts';
import type { Runtime } from './runtime.ts';
import { spawnError } from './spawn-error.ts';
import type { UndoList } from './undo.ts';

/** An init that has prepared everything and waits for the runtime's word. */
export interface Born {
  readonly init: InitRecord;
  readonly pidfd: number;
  /** Lets it wait for `start`, or run its program: then it has. Until then it ends when the runtime does. */
  letGo(): void;
}

/** What a spawn takes along beside what its plan names. */
export interface Given {
  /** The process whose namespaces (CLONE_NEW*) to be born in, as a pidfd, which stays the caller's. */
  readonly joins?: { readonly pidfd: number; readonly kinds: number };
  /** What the host does while the init (this process) prepares, beside the plan's own steps. */
  readonly meanwhile?: (pid: number) => void;
}

/**
 * The init is born in its cgroup and namespaces and walks the plan up to `ready`, while the host's `after` steps are
 * done to it. The wrapping of the messages is runc's, which engines' users search for.
 */
export function bearInit(
  runtime: Runtime,
  prepared: Walk,
  directory: string,
  cgroup: string | undefined,
  undo: UndoList,
  moments: Moments = {},
  given: Given = {},
): Born {
  return asStarting(() => bear(runtime, prepared, directory, cgroup, undo, moments, given));
}

/** Its failures are said to be those of starting the process. */
export function asStarting<T>(act: () => T): T {
  try {
    return act();
  } catch (error) {
    const failure = toRuntimeError(error);
    throw failure.with({ message: `unable to start container process: ${failure.message}` });
  }
}

function bear(
  runtime: Runtime,
  prepared: Walk,
  directory: string,
  cgroup: string | undefined,
  undo: UndoList,
  moments: Moments,
  given: Given,
): Born {
  const { binding } = runtime;
  const { plan } = prepared;
  const takeBack = lendOomScore(binding, plan);
  let spawned: Spawned;
  try {
    spawned = spawnInit(runtime, plan, directory, cgroup, given);
  } finally {
    takeBack();
  }
  const { pid, pidfd, channel } = spawned;
  let channelOpen = true;
  const closeChannel = (): void => {
    if (channelOpen) binding.close(channel);
    channelOpen = false;
  };
  undo.arm(`process ${pid}`, () => {
    closeChannel();
    const ended = killAndWait(binding, pidfd);
    if (ended) binding.reap(pid);
    binding.close(pidfd);
    if (!ended) throw new RuntimeError({ code: 'state.running', message: 'it does not end on SIGKILL' });
  });

  plan.host.forEach((step, index) => {
    if (step.op === 'setOomScoreAdj' && step.when === 'after') setOomScoreAdj(binding, step, pid, index);
  });
  given.meanwhile?.(pid);
  // while the init walks; one that has ended is still there to be looked at
  const startTime = identify(binding, pid)?.startTime;
  awaitReady(binding, prepared, spawned, moments, cgroup);
  if (startTime === undefined) throw endedError(binding, plan, spawned, cgroup);
  return {
    init: { pid, startTime },
    pidfd,
    letGo: () => {
      onHost('unable to let the init go on', () => binding.resume(channel));
      if (plan.spawn.fifos === undefined) awaitExec(binding, prepared, channel);
      closeChannel();
    },
  };
}

/** Opens what the init is given, has it born, and closes our copies. */
function spawnInit(
  { binding, log }: Runtime,
  plan: Plan,
  directory: string,
  cgroup: string | undefined,
  given: Given,
): Spawned {
  const opened: number[] = [];
  const open = (path: string, flags: number, what = path): number => {
    const fd = onHost(`unable to open ${what}`, () => binding.open(path, flags | openFlags.closeOnExec, 0));
    opened.push(fd);
    return fd;
  };
  try {
    const slots = new Map<number, number>();
    const bornIn: OpenNamespace[] = [];
    const joins: number[] = [];
    for (const step of plan.host) {
      if (step.op === 'openDirectory') slots.set(step.slot, open(step.path, openFlags.pathOnly));
      if (step.op !== 'openNamespace') continue;
      const fd = openNamespace(binding, step);
      opened.push(fd);
      if (step.slot !== 0) slots.set(step.slot, fd);
      else {
        bornIn.push(step);
        joins.push(fd);
      }
    }
    // A pid namespace alone is entered by this thread; the rest needs a helper.
    const onlyPid = bornIn.length === 1 && bornIn[0]?.kind === namespaceFlags.pid;
    // For reading and writing: no open waits for the other end, and neither end is lost between create and start.
    const { fifos } = plan.spawn;
    if (fifos !== undefined) {
      slots.set(fifos.go, open(joinPath(directory, files.go), openFlags.readWrite));
      slots.set(fifos.result, open(joinPath(directory, files.result), openFlags.readWrite));
    }
    const request = {
      plan: encodePlan(plan.container, text => binding.utf8(text)),
      cloneFlags: plan.spawn.cloneFlags,
      cgroup: cgroup === undefined ? -1 : open(cgroup, openFlags.readOnly, `the cgroup ${cgroup}`),
      pidNamespace: (onlyPid ? joins[0] : undefined) ?? -1,
      ...(!onlyPid && joins.length > 0 && { joins }),
      ...(given.joins !== undefined && { joins: [given.joins.pidfd], joinKinds: given.joins.kinds }),
      preserveFds: plan.spawn.preserveFds,
      fds: inOrder(slots),
    };
    for (const step of plan.container) {
      if (step.op === 'loadSeccomp') log.debug(`seccomp filter flags: ${step.flags}`);
    }
    log.debug(`spawning the init: ${plan.container.length} steps, ${request.plan.length} bytes`);
    try {
      return binding.spawn(request);
    } catch (error) {
      throw orOutOfMemory(binding, spawnError(error, plan, bornIn), cgroup);
    }
  } finally {
    for (const fd of opened) binding.close(fd);
  }
}

/** The descriptors of slots 1, 2, ... */
function inOrder(slots: ReadonlyMap<number, number>): number[] {
  const fds: number[] = [];
  for (const [slot, fd] of slots) fds[slot - 1] = fd;
  for (let index = 0; index < fds.length; index++) {
    if (fds[index] === undefined) {
      throw new RuntimeError({ code: 'internal', message: `the plan leaves slot ${index + 1} empty` });
    }
  }
  return fds;
}

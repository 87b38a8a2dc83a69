// SPDX-License-Identifier: Apache-2.0
import type { CgroupPlace } from '../cgroup/directory.ts';
import { isPaused } from '../cgroup/freezer.ts';
import { RuntimeError } from '../errors/error.ts';
import { joinPath } from '../host/paths.ts';
import type { Status } from '../oci/state.ts';
import { initRuns } from './init-process.ts';
import { type ContainerRecord, files, type InitRecord } from './record.ts';
import type { Runtime } from './runtime.ts';
import { isHeld, readRecord, stateDirectory } from './store.ts';

/** Operations that need a certain status. */
export type Operation =
  | 'start'
  | 'kill'
  | 'delete'
  | 'exec'
  | 'update'
  | 'pause'
  | 'resume'
  | 'events'
  | 'mount'
  | 'checkpoint';

/**
 * Statuses in which each operation is allowed: runtime.md#operations, and `delete` of a created container, which
 * engines expect. `delete --force` is always allowed.
 */
const allowed: { readonly [Op in Operation]: readonly Status[] } = {
  start: ['created'],
  kill: ['created', 'running', 'paused'],
  delete: ['created', 'stopped'],
  exec: ['created', 'running'],
  update: ['created', 'running', 'paused'],
  pause: ['created', 'running'],
  resume: ['paused'],
  events: ['created', 'running', 'paused'],
  mount: ['created', 'running', 'paused'],
  checkpoint: ['running', 'paused'],
};

/** The part of a record from which the status is computed. */
export interface StatusRecord extends Pick<ContainerRecord, 'id'> {
  readonly init?: InitRecord | undefined;
  readonly cgroup?: Pick<CgroupPlace, 'path'> | undefined;
}

/**
 * Computes the status from processes and files: it is also right after a crash or a reboot.
 *
 * @param options.held - true if the caller holds the lock: no `create` is in progress then
 */
export function statusOf(
  runtime: Runtime,
  record: StatusRecord,
  options: { readonly held: boolean },
): Status {
  const { binding } = runtime;
  if (record.init === undefined) {
    // The caller's own create has failed, or one was killed: that container will never run.
    if (options.held) return 'stopped';
    if (isHeld(runtime, record.id)) return 'creating';
    const latest = latestRecord(runtime, record);
    return latest.init === undefined ? 'stopped' : statusOf(runtime, latest, options);
  }
  // processExists() is enough for most containers that have ended, and saves reading /proc.
  if (!binding.processExists(record.init.pid) || !initRuns(binding, record.init)) return 'stopped';
  const isFrozen = record.cgroup !== undefined && isPaused(binding, record.cgroup.path);
  const fifo = joinPath(stateDirectory(runtime, record.id), files.startFifo);
  return statusOfRunning(isFrozen, !isFrozen && binding.stat(fifo) !== undefined);
}

/** Returns the status of a container whose init runs. */
export function statusOfRunning(isFrozen: boolean, waitsForStart: boolean): Status {
  if (isFrozen) return 'paused';
  return waitsForStart ? 'created' : 'running';
}

/** Reads a record without an init again: its create may have ended since. */
export function latestRecord<Known extends StatusRecord>(
  runtime: Runtime,
  record: Known,
): Known | ContainerRecord {
  if (record.init !== undefined) return record;
  try {
    return readRecord(runtime, record.id);
  } catch (error) {
    // It was deleted.
    if (error instanceof RuntimeError && error.code === 'state.not-found') return record;
    throw error;
  }
}

/**
 * @throws RuntimeError `state.not-created`, `state.not-running`, `state.running` with the texts that engines expect
 */
export function requireStatus(operation: Operation, id: string, status: Status): void {
  if (!allowed[operation].includes(status)) throw refusals[operation](id, status);
}

const refusals: { readonly [Op in Operation]: (id: string, status: Status) => RuntimeError } = {
  start: (id, status) =>
    new RuntimeError({
      code: 'state.not-created',
      message: startRefusal(status),
      value: status,
      spec: 'runtime.md#start',
      hint: status === 'stopped' ? `delete it and create it again: tsubo delete ${id}` : undefined,
    }),
  kill: (_id, status) =>
    new RuntimeError({
      code: 'state.not-running',
      message: 'container not running',
      value: status,
      spec: 'runtime.md#kill',
    }),
  update: (_id, status) =>
    new RuntimeError({ code: 'state.not-running', message: 'container not running', value: status }),
  exec: (_id, status) =>
    new RuntimeError({
      code: 'state.not-running',
      message: execRefusal(status),
      value: status,
      hint: status === 'paused' ? 'the program would wait until the container is resumed' : undefined,
    }),
  pause: (_id, status) =>
    new RuntimeError({ code: 'state.not-running', message: 'container not running', value: status }),
  resume: (_id, status) =>
    new RuntimeError({ code: 'state.not-paused', message: 'container not paused', value: status }),
  events: (id, status) =>
    new RuntimeError({
      code: 'state.not-running',
      message: `container with id ${id} is not running`,
      value: status,
    }),
  mount: (id, status) =>
    new RuntimeError({
      code: 'state.not-running',
      message: `cannot change the mounts of container ${id}, which is ${status}`,
      value: status,
      hint: 'write the mount into config.json and create the container again',
    }),
  checkpoint: (_id, status) =>
    new RuntimeError({
      code: 'state.not-running',
      message: `container cannot be checkpointed in ${status} state`,
      value: status,
    }),
  delete: (id, status) =>
    new RuntimeError({
      code: 'state.running',
      message: `cannot delete container ${id} that is not stopped: ${status}`,
      value: status,
      spec: 'runtime.md#delete',
      hint: `stop it first (tsubo kill ${id} KILL), or use delete --force`,
    }),
};

function execRefusal(status: Status): string {
  if (status === 'paused') return 'cannot exec in a paused container (use --ignore-paused to override)';
  if (status === 'stopped') return 'cannot exec in a stopped container';
  return `cannot exec in a container in the ${status} state`;
}

function startRefusal(status: Status): string {
  if (status === 'stopped') return 'cannot start a container that has stopped';
  if (status === 'running') return 'cannot start an already running container';
  return `cannot start a container in the ${status} state`;
}

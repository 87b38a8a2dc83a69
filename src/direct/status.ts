// SPDX-License-Identifier: Apache-2.0
import { RuntimeError } from '../errors/error.ts';
import { entryPath } from '../host/paths.ts';
import { type ContainerRecord, files } from '../lifecycle/record.ts';
import type { Runtime } from '../lifecycle/runtime.ts';
import { statusOf } from '../lifecycle/status.ts';
import { isUnusable, readRecord, stateDirectory } from '../lifecycle/store.ts';
import type { DirectContainer } from './container.ts';
import { type ExitRecord, waitExit } from './exit-status.ts';
import { keeperLives } from './keeper.ts';
import { shortId } from './names.ts';
import { containerFiles, containerPath, type DirectStore } from './store.ts';

/** The state of a container, computed from processes and files. */
export interface DirectState {
  readonly status: 'created' | 'running' | 'paused' | 'exited' | 'dead';
  /** Pid of the init; 0 without one. */
  readonly pid: number;
  /** RFC 3339; the start of the present run. */
  readonly startedAt?: string;
  readonly exit?: ExitRecord;
  /** The container runs, but its keeper was killed: its exit status will be lost. */
  readonly withoutKeeper: boolean;
  readonly record?: ContainerRecord;
  /** A file of the container is damaged. The status is then derived from processes and other files. */
  readonly problem?: RuntimeError;
}

export function stateOf(
  runtime: Runtime,
  store: DirectStore,
  { id }: Pick<DirectContainer, 'id'>,
): DirectState {
  const { binding } = runtime;
  const directory = containerPath(store, id);
  const record = recordIfThere(runtime, id);
  const status = record === undefined ? 'stopped' : statusOf(runtime, record, { held: false });
  if (record !== undefined && (status === 'running' || status === 'paused')) {
    return {
      status,
      pid: record.init?.pid ?? 0,
      startedAt: record.created,
      withoutKeeper: !keeperLives(binding, directory),
      record,
    };
  }
  const known = { pid: 0, withoutKeeper: false, ...(record !== undefined && { record }) };
  if (status === 'created' || status === 'creating') return { ...known, status: 'created' };
  // The keeper makes the log at the first start.
  const hasRun = binding.stat(entryPath(directory, containerFiles.log), true) !== undefined;
  if (!hasRun) return { ...known, status: 'created' };
  let exit: ReturnType<typeof lastExit> = 'late';
  for (let waited = 0; exit === 'late' && waited < keeperTimeoutMs; waited += sliceMs) {
    exit = lastExit(runtime, directory);
    // A start writes the record after the keeper has made the log: read the state again.
    if (exit === 'late' && record === undefined && recordIfThere(runtime, id) !== undefined) {
      return stateOf(runtime, store, { id });
    }
    // The init runs, therefore a longer wait would not help.
    if (exit === 'late' && record === undefined && hasRunningInit(runtime, store, id)) break;
  }
  if (exit instanceof RuntimeError) return { ...known, status: 'dead', problem: exit };
  if (exit === 'lost' || (exit === 'late' && record !== undefined)) return { ...known, status: 'dead' };
  if (exit !== 'late') return { ...known, status: 'exited', exit };
  return { ...known, status: 'running', problem: runsUnrecorded(runtime, store, id) };
}

/** Returns the error for a container whose keeper waits for its end, while the runtime has no usable record of it. */
export function runsUnrecorded(runtime: Runtime, store: DirectStore, id: string): RuntimeError {
  const path = entryPath(stateDirectory(runtime, id), files.record);
  const pid = runningInitPid(runtime, store, id);
  const end = pid === undefined ? 'end its processes' : `end its init with kill -KILL ${pid}`;
  return new RuntimeError({
    code: 'state.damaged',
    message: `container ${shortId(id)} runs, but its record ${path} is missing or damaged`,
    path,
    value: id,
    hint: `${end}, then remove it: tsubo container rm --force ${shortId(id)}`,
  });
}

/** Returns the pid of the last init, from the file that its create wrote for the keeper; undefined without it. */
export function runningInitPid({ binding }: Runtime, store: DirectStore, id: string): number | undefined {
  const text = binding.readTextIfThere(entryPath(containerPath(store, id), 'pid')) ?? '';
  return /^[1-9]\d*\s*$/.test(text) ? Number(text) : undefined;
}

/**
 * Returns true while the init of the last run is a child of the container's keeper and no zombie. The runtime writes
 * its record before the file with the pid.
 */
function hasRunningInit(runtime: Runtime, store: DirectStore, id: string): boolean {
  const { binding } = runtime;
  const pid = runningInitPid(runtime, store, id);
  const keeper = binding.readTextIfThere(entryPath(containerPath(store, id), 'keeper'))?.trim();
  if (pid === undefined || keeper === undefined) return false;
  // The name in parentheses may contain blanks: the state follows, and then the parent.
  const stat = binding.readTextIfThere(`/proc/${pid}/stat`) ?? '';
  const [state = 'Z', parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return parent === keeper && state !== 'Z' && state !== 'X';
}

/** The keeper writes exit.json some milliseconds after the end of the init. */
const keeperTimeoutMs = 5000;
const sliceMs = 50;

/**
 * Reads the exit status. Returns `lost` if the keeper was killed, `late` if it still waits for the end; the error if
 * exit.json is damaged.
 */
function lastExit({ binding }: Runtime, directory: string): ExitRecord | RuntimeError | 'lost' | 'late' {
  try {
    return waitExit(binding, directory, sliceMs) ?? 'late';
  } catch (error) {
    if (error instanceof RuntimeError && error.code === 'keeper.gone') return 'lost';
    if (error instanceof RuntimeError && error.code === 'keeper.no-exit-status') return error;
    throw error;
  }
}

/** Returns undefined without a usable record: the container is not created in the runtime, or its record is damaged. */
export function recordIfThere(runtime: Runtime, id: string): ContainerRecord | undefined {
  try {
    return readRecord(runtime, id);
  } catch (error) {
    if (!(error instanceof RuntimeError)) throw error;
    if (error.code === 'state.not-found' || isUnusable(error)) return undefined;
    throw error;
  }
}

export function isUp({ status }: Pick<DirectState, 'status'>): boolean {
  return status === 'running' || status === 'paused';
}

// SPDX-License-Identifier: Apache-2.0
import { RuntimeError } from '../errors/error.ts';
import { entryPath } from '../host/paths.ts';
import type { ContainerRecord } from '../lifecycle/record.ts';
import type { Runtime } from '../lifecycle/runtime.ts';
import { statusOf } from '../lifecycle/status.ts';
import { readRecord } from '../lifecycle/store.ts';
import type { DirectContainer } from './container.ts';
import { type ExitRecord, waitExit } from './exit-status.ts';
import { keeperLives } from './keeper.ts';
import { containerFiles, containerPath, type DirectStore } from './store.ts';

/** The state of a container, computed from processes and files. */
export interface DirectState {
  readonly status: 'created' | 'running' | 'paused' | 'exited' | 'dead';
  /** Pid of the init; 0 without one. */
  readonly pid: number;
  /** RFC 3339; the begin of the present run. */
  readonly startedAt?: string;
  readonly exit?: ExitRecord;
  /** The container runs, and its keeper was killed: no command learns its exit status. */
  readonly withoutKeeper: boolean;
  readonly record?: ContainerRecord;
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
  // The log is made by the keeper at the first start.
  const hasRun = binding.stat(entryPath(directory, containerFiles.log), true) !== undefined;
  const exit = hasRun ? lastExit(runtime, directory) : undefined;
  if (exit !== undefined) return { ...known, status: 'exited', exit };
  return { ...known, status: hasRun ? 'dead' : 'created' };
}

/** The keeper writes exit.json some milliseconds after the end of the init. */
const keeperTimeoutMs = 5000;

/** Undefined if the keeper was killed. */
function lastExit({ binding }: Runtime, directory: string): ExitRecord | undefined {
  try {
    return waitExit(binding, directory, keeperTimeoutMs);
  } catch (error) {
    if (error instanceof RuntimeError && error.code === 'keeper.gone') return undefined;
    throw error;
  }
}

/** Undefined without a usable record: the container is not created in the runtime, or its record is damaged. */
export function recordIfThere(runtime: Runtime, id: string): ContainerRecord | undefined {
  try {
    return readRecord(runtime, id);
  } catch (error) {
    if (!(error instanceof RuntimeError)) throw error;
    if (error.code === 'state.not-found' || error.code === 'state.damaged') return undefined;
    throw error;
  }
}

export function isUp({ status }: Pick<DirectState, 'status'>): boolean {
  return status === 'running' || status === 'paused';
}

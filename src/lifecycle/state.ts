// SPDX-License-Identifier: Apache-2.0
import type { StateOutput } from '../oci/state.ts';
import { ociVersion } from '../oci/version.ts';
import { sortedAnnotations } from '../plan/hooks.ts';
import { warnOfLostKeeper } from './network/keeper.ts';
import type { ContainerRecord } from './record.ts';
import type { Runtime } from './runtime.ts';
import { latestRecord, statusOf } from './status.ts';
import { readRecord } from './store.ts';

/**
 * Returns the current state of a container.
 *
 * @throws RuntimeError `state.not-found`, `state.damaged`
 * @see runtime.md#query-state
 */
export function containerState(runtime: Runtime, id: string): StateOutput {
  const record = readRecord(runtime, id);
  warnOfLostKeeper(runtime, record);
  return describe(runtime, record, '');
}

export function describe(runtime: Runtime, record: ContainerRecord, owner: string): StateOutput {
  const status = statusOf(runtime, record, { held: false });
  return {
    ociVersion,
    id: record.id,
    pid: status === 'stopped' || status === 'creating' ? 0 : (latestRecord(runtime, record).init?.pid ?? 0),
    status,
    bundle: record.bundle,
    rootfs: record.rootfs,
    created: record.created,
    ...(record.annotations !== undefined && sortedAnnotations(record.annotations)),
    owner,
  };
}

// SPDX-License-Identifier: Apache-2.0
import type { Binding } from '../../host/binding.d.ts';
import { initRuns } from '../init-process.ts';
import type { ContainerRecord } from '../record.ts';
import type { Runtime } from '../runtime.ts';

/**
 * Returns true if the keeper of a running container was killed: other programs can bind its ports, and no process
 * restores or removes its rules. Without root, the container has lost its network.
 */
export function hasLostKeeper(
  binding: Binding,
  { network, init }: Pick<ContainerRecord, 'network' | 'init'>,
): boolean {
  const keeper = network?.keeper;
  // A keeper exits after the init: read the init last.
  return keeper !== undefined && !initRuns(binding, keeper) && init !== undefined && initRuns(binding, init);
}

/** Warns if the keeper was killed. Makes no system call for a container without a keeper. */
export function warnOfLostKeeper(
  { binding, log }: Pick<Runtime, 'binding' | 'log'>,
  record: Pick<ContainerRecord, 'id' | 'network' | 'init'>,
): void {
  if (record.network?.keeper === undefined || !hasLostKeeper(binding, record)) return;
  log.warn(
    `the keeper of container ${record.id} (process ${record.network.keeper.pid}) was killed: its published ports are not held, delete and create the container again`,
  );
}

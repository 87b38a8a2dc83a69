// SPDX-License-Identifier: Apache-2.0
import type { Address } from '../../network/cidr.ts';
import type { NetworkStore } from '../../network/store.ts';
import { freeAddress, takenAddresses } from '../../network/store.ts';
import type { Runtime } from '../runtime.ts';
import { removeNames } from './names.ts';
import { ownerAt } from './owners.ts';

/**
 * Frees the addresses of containers that have ended, and warns of foreign entries, which stay. Precondition: the lock
 * is held.
 */
export function reconcile(runtime: Runtime, store: NetworkStore, network: string): void {
  const { taken, foreign } = takenAddresses(store, network);
  const active = new Map<string, boolean>();
  const freed: Address[] = [];
  for (const { address, owner } of taken) {
    const isActive = active.get(owner) ?? ownerAt(runtime, owner).isActive;
    active.set(owner, isActive);
    if (isActive) continue;
    freeAddress(store, network, address, owner);
    freed.push(address);
  }
  removeNames(runtime, store, network, freed);
  for (const path of foreign)
    runtime.log.warn(`${path} is not an address of network ${network}: it is ignored`);
}

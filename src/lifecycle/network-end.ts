// SPDX-License-Identifier: Apache-2.0
import type { Binding } from '../host/binding.d.ts';
import { entryPath } from '../host/paths.ts';
import { parseAddress } from '../network/cidr.ts';
import { freeAddress, locked, networkNames, networkStore, takenAddresses } from '../network/store.ts';
import { initRuns } from './init-process.ts';
import { removeNames } from './network/names.ts';
import type { NetworkRecord } from './network/record.ts';
import { removeLeftPorts } from './ports.ts';
import { files } from './record.ts';
import type { Runtime } from './runtime.ts';

/**
 * Frees the addresses of a container that has ended. Its interfaces end with its network namespace.
 *
 * @param owner - the container's state directory
 */
export function detachNetworks(
  runtime: Runtime,
  { attachments, ports, keeper }: NetworkRecord,
  owner: string,
): void {
  if (attachments.length === 0) return;
  const store = networkStore(runtime.binding);
  // Under the lock: otherwise the address could get another owner between the check and the removal.
  locked(store, () => {
    for (const { name, addresses } of attachments) {
      const own = addresses.flatMap(text => parseAddress(text) ?? []);
      const freed = own.filter(address => freeAddress(store, name, address, owner));
      removeNames(runtime, store, name, freed);
    }
    // A keeper removes its elements when the container has ended. A killed keeper has left them.
    if (ports !== undefined && !keeperRemoves(runtime.binding, keeper, owner)) {
      removeLeftPorts(runtime, store, { attachments, ports });
    }
  });
}

/** Tests the process before the file, because the keeper writes the file before it exits. */
function keeperRemoves(binding: Binding, keeper: NetworkRecord['keeper'], owner: string): boolean {
  if (keeper !== undefined && initRuns(binding, keeper)) return true;
  return (binding.readTextIfThere(entryPath(owner, files.portsRemoved)) ?? '') !== '';
}

/** Frees the addresses of a container without a usable record. */
export function freeAllAddresses(runtime: Runtime, owner: string): void {
  const store = networkStore(runtime.binding);
  const names = networkNames(store);
  if (names.length === 0) return;
  locked(store, () => {
    for (const name of names) {
      const { taken } = takenAddresses(store, name);
      const own = taken.filter(one => one.owner === owner).map(({ address }) => address);
      for (const address of own) freeAddress(store, name, address, owner);
      removeNames(runtime, store, name, own);
    }
  });
}

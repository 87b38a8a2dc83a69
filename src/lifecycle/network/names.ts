// SPDX-License-Identifier: Apache-2.0

import { errno, errnoText } from '../../errors/errno.ts';
import { isSystemError } from '../../errors/system.ts';
import { entryPath } from '../../host/paths.ts';
import { type Address, formatAddress } from '../../network/cidr.ts';
import { endOfLines, otherLine, startOfLine } from '../../network/hosts-file.ts';
import { defaultNetwork } from '../../network/names.ts';
import { type NetworkStore, type TakenAddress, takenAddresses } from '../../network/store.ts';
import type { Runtime } from '../runtime.ts';

/** A larger hosts file, which only the container itself can have filled, is not changed. In bytes. */
const longestFile = 1 << 20;

/**
 * Adds the names of a container to the hosts files of the others in a network, one write for each. The default network
 * has no names, as with Docker: its containers have nothing in common. Precondition: the lock is held.
 *
 * @param owner - state directory of the container, which has no hosts file yet
 * @returns the lines of the others for its own file
 */
export function addNames(runtime: Runtime, store: NetworkStore, network: string, owner: string): string[] {
  if (network === defaultNetwork) return [];
  const own: string[] = [];
  const others = new Map<string, TakenAddress[]>();
  for (const taken of takenAddresses(store, network).taken.sort(inOrder)) {
    if (taken.owner === owner) own.push(lineOf(network, taken));
    else others.set(taken.owner, [...(others.get(taken.owner) ?? []), taken]);
  }
  const added = own.join('');
  return [...others].flatMap(([other, addresses]) => {
    // A container that is being made has no file yet. It adds itself to the others later.
    const hasFile = change(runtime, network, other, { starts: [], added });
    return hasFile ? addresses.map(taken => lineOf(network, taken)) : [];
  });
}

function lineOf(network: string, { address, names }: TakenAddress): string {
  return names.length === 0 ? '' : otherLine(network, formatAddress(address), names);
}

/**
 * Removes the names of freed addresses from the hosts files of the containers that are left in the network.
 * Precondition: the lock is held.
 */
export function removeNames(
  runtime: Runtime,
  store: NetworkStore,
  network: string,
  freed: readonly Address[],
): void {
  if (network === defaultNetwork || freed.length === 0) return;
  const starts = freed.map(address => startOfLine(formatAddress(address)));
  const owners = new Set(takenAddresses(store, network).taken.map(({ owner }) => owner));
  for (const owner of owners) change(runtime, network, owner, { starts, added: '' });
}

function inOrder({ address: one }: TakenAddress, { address: other }: TakenAddress): number {
  if (one.family !== other.family) return one.family - other.family;
  return one.value < other.value ? -1 : 1;
}

/**
 * Changes a file in place, because a container has the file itself bound, and not its name. The container may have
 * changed it, filled it or made it immutable: that must not stop another container. Returns false if there is no file.
 */
function change(
  { binding, log }: Runtime,
  network: string,
  owner: string,
  lines: { readonly starts: readonly string[]; readonly added: string },
): boolean {
  const path = entryPath(owner, 'hosts');
  try {
    binding.changeLines({ path, end: endOfLines(network), limit: longestFile, ...lines });
  } catch (error) {
    if (!isSystemError(error)) throw error;
    if (error.errno === errno.ENOENT) return false;
    if (error.errno !== errno.EFBIG) {
      log.warn(
        `unable to update the names of network ${network} in ${path}: ${error.syscall}: ${errnoText(error.errno)}`,
      );
    }
  }
  return true;
}

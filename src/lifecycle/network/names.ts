// SPDX-License-Identifier: Apache-2.0

import { errno, errnoText } from '../../errors/errno.ts';
import { isSystemError } from '../../errors/system.ts';
import { entryPath } from '../../host/paths.ts';
import { formatAddress } from '../../network/cidr.ts';
import { otherLine, withOtherLines } from '../../network/hosts-file.ts';
import { defaultNetwork } from '../../network/names.ts';
import { type NetworkStore, type TakenAddress, takenAddresses } from '../../network/store.ts';
import type { Runtime } from '../runtime.ts';
import { ownerAt } from './owners.ts';

/** A hosts file that a container has filled with more than this is left alone. */
const longestFile = 1 << 20;

/**
 * Writes the names of all containers of a network to their hosts files. The default network has no names, as with Docker:
 * its containers have nothing in common. Precondition: the lock is held.
 *
 * @param without - state directory of a container that leaves the network
 */
export function updateNames(runtime: Runtime, store: NetworkStore, network: string, without?: string): void {
  if (network === defaultNetwork) return;
  const byOwner = new Map<string, TakenAddress[]>();
  for (const taken of takenAddresses(store, network).taken) {
    const { owner } = taken;
    if (owner === without || taken.names.length === 0) continue;
    const own = byOwner.get(owner);
    if (own === undefined) byOwner.set(owner, [taken]);
    else own.push(taken);
  }
  // Without a record or with an init that has ended, the address is in the store until a command frees it.
  for (const owner of byOwner.keys()) if (!ownerAt(runtime, owner).isActive) byOwner.delete(owner);
  // Each line is made once: all files have nearly the same.
  const lines = [...byOwner.values()]
    .flat()
    .sort(inOrder)
    .map(({ owner, address, names }) => ({ owner, text: otherLine(network, formatAddress(address), names) }));
  for (const owner of byOwner.keys()) {
    const others = lines.filter(line => line.owner !== owner).map(({ text }) => text);
    update(runtime, entryPath(owner, 'hosts'), network, others);
  }
}

function inOrder({ address: one }: TakenAddress, { address: other }: TakenAddress): number {
  if (one.family !== other.family) return one.family - other.family;
  return one.value < other.value ? -1 : 1;
}

/**
 * Changes a file in place, because a container has the file itself bound, and not its name. The container may have
 * changed it, filled it or made it immutable: that must not stop another container.
 */
function update({ binding, log }: Runtime, path: string, network: string, lines: readonly string[]): void {
  try {
    const text = binding.readText(path, longestFile);
    // Bytes that are not UTF-8 would not survive.
    if (text.includes('\ufffd')) return;
    const made = withOtherLines(text, network, lines);
    if (made !== text) binding.writeText(path, made, 0, 0);
  } catch (error) {
    if (!isSystemError(error)) throw error;
    // The container is being made or deleted.
    if (error.errno === errno.ENOENT) return;
    log.warn(
      `unable to update the names of network ${network} in ${path}: ${error.syscall}: ${errnoText(error.errno)}`,
    );
  }
}

// SPDX-License-Identifier: Apache-2.0
import { type Address, addressAt, type Subnet } from './cidr.ts';
import { hostOffsets, type NetworkDefinition, parseRange } from './definition.ts';

/** The addresses of one container in a network. */
export interface ContainerAddresses {
  readonly ipv4: Address;
  readonly ipv6?: Address;
}

/**
 * Returns the offset of the address to try after `previous` (0: none), and skips the gateway. The first address follows
 * the last one, therefore an address that was just freed is reused last.
 */
export function nextOffset(subnet: Subnet, gateway: Address, previous: bigint): bigint {
  const { first, last } = hostOffsets(subnet);
  const taken = gateway.value - subnet.value;
  let offset = previous < first || previous >= last ? first : previous + 1n;
  if (offset === taken) offset = offset === last ? first : offset + 1n;
  return offset;
}

/** Number of addresses that containers can have. */
export function capacity(subnet: Subnet): bigint {
  const { first, last } = hostOffsets(subnet);
  return last - first;
}

/** The IPv6 address is at the same distance from the start of its subnet as the IPv4 address. */
export function addressesAt(network: NetworkDefinition, offset: bigint): ContainerAddresses {
  const { subnet } = parseRange(network.ipv4);
  const ipv4 = addressAt(subnet, offset);
  if (network.ipv6 === undefined) return { ipv4 };
  return { ipv4, ipv6: addressAt(parseRange(network.ipv6).subnet, offset) };
}

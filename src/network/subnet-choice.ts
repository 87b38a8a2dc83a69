// SPDX-License-Identifier: Apache-2.0
import { overlap, parseSubnet, type Subnet } from './cidr.ts';
import type { UsedSubnet } from './machine.ts';

/** Prefix length of a new IPv4 subnet: 1022 hosts, because a bridge has at most 1023 ports. */
const prefix = 22;

/** Ranges for subnets of IPv4, in the order of preference. Other programs rarely use the first. */
const pools = ['10.63.0.0/16', '10.64.0.0/10', '172.24.0.0/13', '192.168.0.0/16'];

/** Returns the user of an address in the subnet; undefined if there is none. */
export function userOf(subnet: Subnet, used: readonly UsedSubnet[]): string | undefined {
  return used.find(other => overlap(subnet, other.subnet))?.by;
}

/** Returns the first IPv4 subnet that overlaps nothing in use; undefined if all overlap. */
export function chooseIpv4(used: readonly UsedSubnet[]): Subnet | undefined {
  for (const text of pools) {
    const pool = parseSubnet(text);
    if (pool === undefined) continue;
    const step = 1n << BigInt(32 - prefix);
    const end = pool.value + (1n << BigInt(32 - pool.prefix));
    for (let value = pool.value; value < end; value += step) {
      const subnet: Subnet = { family: 4, value, prefix };
      if (userOf(subnet, used) === undefined) return subnet;
    }
  }
  return undefined;
}

/**
 * Returns a unique local IPv6 subnet (RFC 4193) for a network of a machine: 56 bits of a hash, because two machines or
 * two networks then rarely have the same subnet. If the subnet is in use, the function tries the next hash.
 */
export function chooseIpv6(machine: string, network: string, used: readonly UsedSubnet[]): Subnet {
  for (let attempt = 0; ; attempt++) {
    const bits = fnv1a(`${machine}/${network}/${attempt}`) & ((1n << 56n) - 1n);
    const subnet: Subnet = { family: 6, value: ((0xfdn << 56n) | bits) << 64n, prefix: 64 };
    if (userOf(subnet, used) === undefined) return subnet;
  }
}

/** Returns the hash FNV-1a of 64 bits. */
function fnv1a(text: string): bigint {
  let hash = 0xcbf29ce484222325n;
  for (let i = 0; i < text.length; i++) {
    hash = BigInt.asUintN(64, (hash ^ BigInt(text.charCodeAt(i))) * 0x100000001b3n);
  }
  return hash;
}

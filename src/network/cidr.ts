// SPDX-License-Identifier: Apache-2.0

export type Family = 4 | 6;

/** An IP address as a number: 32 bits for IPv4, 128 for IPv6. */
export interface Address {
  readonly family: Family;
  readonly value: bigint;
}

/** A subnet: its first address and the length of its prefix. */
export interface Subnet extends Address {
  readonly prefix: number;
}

export function bitsOf(family: Family): number {
  return family === 4 ? 32 : 128;
}

/** Parses `10.63.0.7` or `fd00::7`; undefined for any other text, also for `010.1.1.1` and `fe80::1%eth0`. */
export function parseAddress(text: string): Address | undefined {
  if (text.includes(':')) return parseIpv6(text);
  const value = parseIpv4(text);
  return value === undefined ? undefined : { family: 4, value };
}

function parseIpv4(text: string): bigint | undefined {
  const parts = text.split('.');
  if (parts.length !== 4) return undefined;
  let value = 0n;
  for (const part of parts) {
    // A leading zero means octal to some programs and decimal to others.
    if (!/^(0|[1-9]\d{0,2})$/.test(part) || Number(part) > 255) return undefined;
    value = (value << 8n) | BigInt(part);
  }
  return value;
}

const groups = 8;

function parseIpv6(text: string): Address | undefined {
  const halves = text.split('::');
  if (halves.length > 2) return undefined;
  const parsed = halves.map((half, index) => parseGroups(half, index === halves.length - 1));
  const [head, tail] = parsed;
  if (head === undefined || parsed.includes(undefined)) return undefined;
  const missing = groups - head.length - (tail?.length ?? 0);
  if (halves.length === 1 ? missing !== 0 : missing < 1) return undefined;
  const all = [...head, ...Array<bigint>(halves.length === 1 ? 0 : missing).fill(0n), ...(tail ?? [])];
  return { family: 6, value: all.reduce((value, group) => (value << 16n) | group, 0n) };
}

/** Returns the groups of one side of `::`; the last two may be an IPv4 address. */
function parseGroups(text: string, isLast: boolean): bigint[] | undefined {
  if (text === '') return [];
  const found: bigint[] = [];
  const parts = text.split(':');
  for (const [index, part] of parts.entries()) {
    if (part.includes('.')) {
      const ipv4 = isLast && index === parts.length - 1 ? parseIpv4(part) : undefined;
      if (ipv4 === undefined) return undefined;
      found.push(ipv4 >> 16n, ipv4 & 0xffffn);
    } else {
      if (!/^[0-9a-fA-F]{1,4}$/.test(part)) return undefined;
      found.push(BigInt(`0x${part}`));
    }
  }
  return found;
}

/** Text of an address; IPv6 in the form of RFC 5952. */
export function formatAddress({ family, value }: Address): string {
  if (family === 4) return [24n, 16n, 8n, 0n].map(shift => (value >> shift) & 0xffn).join('.');
  const all: string[] = [];
  for (let shift = 112n; shift >= 0n; shift -= 16n) all.push(((value >> shift) & 0xffffn).toString(16));
  const run = longestZeros(all);
  if (run === undefined) return all.join(':');
  return `${all.slice(0, run.start).join(':')}::${all.slice(run.start + run.length).join(':')}`;
}

/** Returns the first of the longest runs of at least two zero groups. */
function longestZeros(all: readonly string[]): { start: number; length: number } | undefined {
  let best: { start: number; length: number } | undefined;
  for (let start = 0; start < all.length; start++) {
    let end = start;
    while (all[end] === '0') end++;
    const length = end - start;
    if (length > 1 && length > (best?.length ?? 0)) best = { start, length };
    if (length > 0) start = end;
  }
  return best;
}

/** Parses `10.63.0.0/22`; undefined if the address is not the first of the subnet. */
export function parseSubnet(text: string): Subnet | undefined {
  const [, address = '', length = ''] = /^([^/]+)\/(\d{1,3})$/.exec(text) ?? [];
  const parsed = parseAddress(address);
  if (parsed === undefined || Number(length) > bitsOf(parsed.family)) return undefined;
  const subnet = { ...parsed, prefix: Number(length) };
  return subnetOf(parsed, subnet.prefix).value === parsed.value ? subnet : undefined;
}

export function formatSubnet(subnet: Subnet): string {
  return `${formatAddress(subnet)}/${subnet.prefix}`;
}

/** Returns the subnet with this prefix length that contains the address. */
export function subnetOf({ family, value }: Address, prefix: number): Subnet {
  const host = BigInt(bitsOf(family) - prefix);
  return { family, value: (value >> host) << host, prefix };
}

/** Number of addresses in the subnet. */
export function sizeOf({ family, prefix }: Subnet): bigint {
  return 1n << BigInt(bitsOf(family) - prefix);
}

export function contains(subnet: Subnet, address: Address): boolean {
  return subnet.family === address.family && subnetOf(address, subnet.prefix).value === subnet.value;
}

export function overlap(one: Subnet, other: Subnet): boolean {
  return one.prefix <= other.prefix ? contains(one, other) : contains(other, one);
}

/** Returns the address at this distance from the first of the subnet. */
export function addressAt({ family, value }: Subnet, offset: bigint): Address {
  return { family, value: value + offset };
}

/** Returns the bytes in network order. */
export function bytesOf({ family, value }: Address): number[] {
  const bytes: number[] = [];
  for (let shift = BigInt(bitsOf(family) - 8); shift >= 0n; shift -= 8n)
    bytes.push(Number((value >> shift) & 0xffn));
  return bytes;
}

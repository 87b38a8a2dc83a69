// SPDX-License-Identifier: Apache-2.0
import { type Address, addressAt, contains, parseAddress, parseSubnet, type Subnet, sizeOf } from './cidr.ts';
import { isInterfaceName, isNetworkName } from './names.ts';

/** A network as its administrator defined it: the contents of `NAME.json`. */
export interface NetworkDefinition {
  /** Version of the format. */
  readonly version: 1;
  readonly name: string;
  /** Name of the bridge on the host. */
  readonly bridge: string;
  readonly ipv4: AddressRange;
  /** Absent: the network has no IPv6. */
  readonly ipv6?: AddressRange;
  /** Default: that of the device of the default route when the bridge is made. */
  readonly mtu?: number;
  /** No traffic leaves the network. */
  readonly internal: boolean;
  /** The containers of the network do not reach each other. */
  readonly isolated: boolean;
}

export interface AddressRange {
  /** `10.63.0.0/22`. */
  readonly subnet: string;
  /** Address of the bridge. */
  readonly gateway: string;
}

/** Smallest MTU of IPv4, and the largest of a veth device. */
const mtuLimits = { least: 68, most: 65_535 };
/** IPv6 requires this MTU. */
export const leastMtuOfIpv6 = 1280;

/** The range as numbers. */
export interface ParsedRange {
  readonly subnet: Subnet;
  readonly gateway: Address;
}

/** IPv4, and IPv6 if the network has it. */
export function rangesOf({ ipv4, ipv6 }: Pick<NetworkDefinition, 'ipv4' | 'ipv6'>): readonly AddressRange[] {
  return ipv6 === undefined ? [ipv4] : [ipv4, ipv6];
}

/** Parses a range of a definition that has been checked. */
export function parseRange(range: AddressRange): ParsedRange {
  const subnet = parseSubnet(range.subnet);
  const gateway = parseAddress(range.gateway);
  if (subnet === undefined || gateway === undefined) throw new Error(`unchecked range ${range.subnet}`);
  return { subnet, gateway };
}

/** The first and the last address of an IPv4 subnet belong to no host; of IPv6, only the first. */
export function hostOffsets(subnet: Subnet): { readonly first: bigint; readonly last: bigint } {
  return { first: 1n, last: sizeOf(subnet) - (subnet.family === 4 ? 2n : 1n) };
}

export function isHostAddress(subnet: Subnet, address: Address): boolean {
  if (!contains(subnet, address)) return false;
  const offset = address.value - subnet.value;
  const { first, last } = hostOffsets(subnet);
  return offset >= first && offset <= last;
}

/** Returns the usual gateway: the first host address. */
export function firstHost(subnet: Subnet): Address {
  return addressAt(subnet, hostOffsets(subnet).first);
}

/** Parses the text of a definition. Returns the fault as text if it is not a valid definition of this name. */
export function parseDefinition(text: string, name: string): NetworkDefinition | string {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    return text === '' ? 'it is empty' : 'it is not JSON';
  }
  if (typeof document !== 'object' || document === null) return 'it is not a JSON object';
  const found = document as Record<string, unknown>;
  if (found['version'] !== 1) return '/version must be 1';
  if (found['name'] !== name || !isNetworkName(name)) return `/name must be ${JSON.stringify(name)}`;
  const { bridge, mtu, internal, isolated } = found;
  if (typeof bridge !== 'string' || !isInterfaceName(bridge)) return '/bridge must be an interface name';
  if (typeof internal !== 'boolean') return '/internal must be true or false';
  if (typeof isolated !== 'boolean') return '/isolated must be true or false';
  if (mtu !== undefined && !isMtu(mtu)) return '/mtu must be from 68 to 65535';
  const fault =
    rangeFault(found['ipv4'], 4) ?? (found['ipv6'] === undefined ? undefined : rangeFault(found['ipv6'], 6));
  return fault ?? (document as NetworkDefinition);
}

export function isMtu(value: unknown): value is number {
  return (
    typeof value === 'number' &&
    Number.isInteger(value) &&
    value >= mtuLimits.least &&
    value <= mtuLimits.most
  );
}

function rangeFault(value: unknown, family: 4 | 6): string | undefined {
  const { subnet: subnetText, gateway: gatewayText } = (value ?? {}) as Record<string, unknown>;
  const subnet = typeof subnetText === 'string' ? parseSubnet(subnetText) : undefined;
  if (subnet?.family !== family) return `/ipv${family}/subnet must be an IPv${family} subnet`;
  const gateway = typeof gatewayText === 'string' ? parseAddress(gatewayText) : undefined;
  if (gateway === undefined || !isHostAddress(subnet, gateway)) {
    return `/ipv${family}/gateway must be a host address of the subnet`;
  }
  return undefined;
}

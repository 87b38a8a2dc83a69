// SPDX-License-Identifier: Apache-2.0
import { RuntimeError } from '../errors/error.ts';
import type { ContainerAddresses } from './allocate.ts';
import { type Address, bytesOf, formatAddress, parseAddress } from './cidr.ts';
import { padded, u16be } from './netlink-bytes.ts';
import type { Element } from './nftables.ts';

/** Consecutive ports of the host that lead to as many ports of the container. */
export interface PublishedPorts {
  readonly protocol: 'tcp' | 'udp';
  /** Address of the host; `0.0.0.0` or `::` means all of its family. Absent: all addresses of both families. */
  readonly address?: Address;
  readonly hostPort: number;
  readonly containerPort: number;
  readonly count: number;
  /** The option or the pointer that requested them. Default: `--publish`. */
  readonly origin?: string;
}

export const publishFlag = '--publish';
const highestPort = 65_535;
/** The most published ports of a container. Each has up to two sockets, and the keeper limits their number. */
export const mostPorts = 4096;

/**
 * Parses the values of `--publish`: `[ADDRESS:]PORT[-PORT]:PORT[-PORT][/tcp|/udp]`; an IPv6 address is in brackets.
 *
 * @throws RuntimeError `usage.publish`
 */
export function parsePublishFlags(values: readonly string[]): PublishedPorts[] {
  const all = values.map(parsePublished);
  const total = all.reduce((sum, { count }) => sum + count, 0);
  if (total > mostPorts) throw bad(String(total), `${total} ports: at most ${mostPorts} are supported`);
  return all;
}

/** @throws RuntimeError `usage.publish` */
export function parsePublished(value: string): PublishedPorts {
  if (value === '') throw bad(value, 'the value is empty');
  const slash = value.lastIndexOf('/');
  const protocol = slash < 0 ? 'tcp' : value.slice(slash + 1);
  if (protocol !== 'tcp' && protocol !== 'udp') {
    throw bad(value, `unknown protocol ${JSON.stringify(protocol)}`, 'the protocols are tcp and udp');
  }
  const rest = slash < 0 ? value : value.slice(0, slash);
  const bracket = /^\[([^\]]*)\]:(.*)$/.exec(rest);
  const parts = (bracket?.[2] ?? rest).split(':');
  const container = parts.pop() ?? '';
  const host = parts.pop();
  if (host === undefined) {
    throw bad(
      value,
      `the port of the host is missing in ${JSON.stringify(value)}`,
      `write 8800:${container || '80'}`,
    );
  }
  const addressText = bracket?.[1] ?? (parts.length === 0 ? undefined : parts.join(':'));
  const address = addressText === undefined ? undefined : parseAddress(addressText);
  if (
    addressText !== undefined &&
    (address === undefined ||
      (bracket === null) === (address.family === 6) ||
      (bracket !== null && parts.length > 0))
  ) {
    throw bad(
      value,
      `invalid address ${JSON.stringify(addressText)}`,
      'write 127.0.0.1:8800:80 or [::1]:8800:80',
    );
  }
  const [hostPort, hostLast] = parseRange(value, host, 'of the host');
  const [containerPort, containerLast] = parseRange(value, container, 'of the container');
  const count = hostLast - hostPort + 1;
  const inside = containerLast - containerPort + 1;
  if (count !== inside) {
    throw bad(
      value,
      `${count} ports of the host and ${inside} of the container`,
      'give ranges of the same length',
    );
  }
  return { protocol, hostPort, containerPort, count, ...(address !== undefined && { address }) };
}

function parseRange(value: string, text: string, owner: string): [first: number, last: number] {
  const [, first = '', last = first] = /^(\d{1,6})(?:-(\d{1,6}))?$/.exec(text) ?? [];
  if (first === '') throw bad(value, `invalid port ${owner} ${JSON.stringify(text)}`);
  for (const port of [first, last]) {
    if (Number(port) >= 1 && Number(port) <= highestPort) continue;
    throw bad(value, `the port ${owner} is ${Number(port)}, not from 1 to ${highestPort}`);
  }
  if (Number(last) < Number(first)) {
    throw bad(value, `the range ${text} ${owner} ends before it starts`, `write ${last}-${first}`);
  }
  return [Number(first), Number(last)];
}

function bad(value: string, message: string, hint?: string): RuntimeError {
  return new RuntimeError({
    code: 'usage.publish',
    document: publishFlag,
    message,
    value,
    hint: hint ?? 'write HOST-PORT:CONTAINER-PORT, such as 8800:80 or 127.0.0.1:5353:53/udp',
  });
}

/** Returns the text from which the ports can be parsed again. */
export function publishedText(ports: PublishedPorts): string {
  const { protocol, address, hostPort, containerPort, count } = ports;
  const host = address === undefined ? '' : `${hostText(address)}:`;
  const range = (first: number) => (count === 1 ? `${first}` : `${first}-${first + count - 1}`);
  return `${host}${range(hostPort)}:${range(containerPort)}/${protocol}`;
}

function hostText(address: Address): string {
  const text = formatAddress(address);
  return address.family === 4 ? text : `[${text}]`;
}

/** Addresses to bind for these ports, as text. */
export function addressesToHold({ address }: PublishedPorts, hostHasIpv6: boolean): string[] {
  if (address !== undefined) return [formatAddress(address)];
  return hostHasIpv6 ? ['0.0.0.0', '::'] : ['0.0.0.0'];
}

/** Returns true if both claim a port of one address: an address overlaps itself and the wildcard of its family. */
export function collide(one: PublishedPorts, other: PublishedPorts): boolean {
  if (one.protocol !== other.protocol) return false;
  if (one.hostPort + one.count <= other.hostPort || other.hostPort + other.count <= one.hostPort)
    return false;
  if (one.address === undefined || other.address === undefined) return true;
  if (one.address.family !== other.address.family) return false;
  return one.address.value === 0n || other.address.value === 0n || one.address.value === other.address.value;
}

const protocolNumbers = { tcp: 6, udp: 17 };

/** Returns the elements that translate the ports to a container. */
export function portElements(ports: readonly PublishedPorts[], container: ContainerAddresses): Element[] {
  return ports.flatMap(published =>
    ([4, 6] as const).flatMap(family => {
      const target = family === 4 ? container.ipv4 : container.ipv6;
      const { address } = published;
      if (target === undefined || (address !== undefined && address.family !== family)) return [];
      return elementsOf(
        published,
        target,
        address !== undefined && address.value !== 0n ? address : undefined,
      );
    }),
  );
}

function elementsOf(
  { protocol, hostPort, containerPort, count }: PublishedPorts,
  target: Address,
  at: Address | undefined,
): Element[] {
  const suffix = `${target.family === 6 ? '6' : ''}${at === undefined ? '' : '_at'}`;
  const key = (port: number) => [
    ...(at === undefined ? [] : bytesOf(at)),
    ...padded([protocolNumbers[protocol]]),
    ...padded(u16be(port)),
  ];
  // A range that keeps its numbers is one element, however long it is.
  if (count > 1 && hostPort === containerPort) {
    return [
      {
        set: `ranges${suffix}`,
        key: key(hostPort),
        keyEnd: key(hostPort + count - 1),
        data: bytesOf(target),
      },
    ];
  }
  return Array.from({ length: count }, (_, index) => ({
    set: `ports${suffix}`,
    key: key(hostPort + index),
    data: [...bytesOf(target), ...padded(u16be(containerPort + index))],
  }));
}

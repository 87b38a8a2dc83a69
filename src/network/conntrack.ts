// SPDX-License-Identifier: Apache-2.0
import { message, messageFlags, readAttributes, readMessages } from './netlink-bytes.ts';
import type { Encoded } from './nftables.ts';
import type { PublishedPorts } from './publish.ts';

/** Messages about tracked connections. */
const subsystem = 1;
const [get, remove] = [(subsystem << 8) | 1, (subsystem << 8) | 2];
const fixedLength = 4;
/** CTA_TUPLE_ORIG; in a tuple CTA_TUPLE_PROTO; in that CTA_PROTO_NUM and CTA_PROTO_DST_PORT. */
const originalTuple = 1;
const tupleProtocol = 2;
const [protocolNumber, destinationPort] = [1, 3];
const udp = 17;

export function dumpConnections(): Encoded {
  return { messages: Uint8Array.from(message(get, messageFlags.dump, 1, [0, 0, 0, 0])), last: 1 };
}

/**
 * Removals of the UDP connections of a dump that go to one of these ports of the host. A client that sent to a port
 * before it was published, or while another container had it, would keep its old destination.
 */
export function staleConnections(dump: Uint8Array, ports: readonly PublishedPorts[]): Encoded[] {
  const published = ports.filter(({ protocol }) => protocol === 'udp');
  const found: Encoded[] = [];
  for (const { body } of readMessages(dump)) {
    const tuple = readAttributes(body.subarray(fixedLength)).get(originalTuple);
    if (tuple === undefined) continue;
    const protocol = readAttributes(readAttributes(tuple).get(tupleProtocol) ?? new Uint8Array());
    const [high = 0, low = 0] = protocol.get(destinationPort) ?? [];
    const port = high * 256 + low;
    const isPublished = published.some(({ hostPort, count }) => port >= hostPort && port < hostPort + count);
    if (protocol.get(protocolNumber)?.[0] !== udp || !isPublished) continue;
    // The tuple as it was read, with its header.
    const length = tuple.length + 4;
    const nested = [length & 0xff, length >> 8, originalTuple, 0x80, ...tuple];
    const fixed = [body[0] ?? 0, 0, 0, 0];
    found.push({
      messages: Uint8Array.from(message(remove, messageFlags.ack, 1, [...fixed, ...nested])),
      last: 1,
    });
  }
  return found;
}

// SPDX-License-Identifier: Apache-2.0
import { CTA, NFNL } from '../kernel/netfilter.ts';
import { message, messageFlags, readAttributes, readMessages } from './netlink-bytes.ts';
import type { Encoded } from './nftables.ts';
import type { PublishedPorts } from './publish.ts';

const subsystem = NFNL.NFNL_SUBSYS_CTNETLINK;
const get = (subsystem << 8) | CTA.IPCTNL_MSG_CT_GET;
const remove = (subsystem << 8) | CTA.IPCTNL_MSG_CT_DELETE;
const fixedLength = 4;
const udp = 17;

export function dumpConnections(): Encoded {
  return { messages: message(get, messageFlags.dump, 1, [0, 0, 0, 0]), last: 1 };
}

/**
 * Returns messages that remove the UDP connections of a dump to one of these ports of the host. A client that sent to a
 * port before it was published, or while another container had it, would otherwise keep its old destination.
 */
export function staleConnections(dump: Uint8Array, ports: readonly PublishedPorts[]): Encoded[] {
  const published = ports.filter(({ protocol }) => protocol === 'udp');
  const found: Encoded[] = [];
  for (const { body } of readMessages(dump)) {
    const tuple = readAttributes(body.subarray(fixedLength)).get(CTA.CTA_TUPLE_ORIG);
    if (tuple === undefined) continue;
    const protocol = readAttributes(readAttributes(tuple).get(CTA.CTA_TUPLE_PROTO) ?? new Uint8Array());
    const [high = 0, low = 0] = protocol.get(CTA.CTA_PROTO_DST_PORT) ?? [];
    const port = high * 256 + low;
    const isPublished = published.some(({ hostPort, count }) => port >= hostPort && port < hostPort + count);
    if (protocol.get(CTA.CTA_PROTO_NUM)?.[0] !== udp || !isPublished) continue;
    // The tuple as it was read, with its header.
    const length = tuple.length + 4;
    const nested = [length & 0xff, length >> 8, CTA.CTA_TUPLE_ORIG, 0x80, ...tuple];
    const fixed = [body[0] ?? 0, 0, 0, 0];
    found.push({
      messages: message(remove, messageFlags.ack, 1, fixed, nested),
      last: 1,
    });
  }
  return found;
}

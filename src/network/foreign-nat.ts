// SPDX-License-Identifier: Apache-2.0
import { NFT, NFTA, NFTA_EXPRESSION } from '../kernel/netfilter.ts';
import { readAttributes, readList, readMessages, readText } from './netlink-bytes.ts';
import type { PublishedPorts } from './publish.ts';
import { table as ownTable } from './ruleset.ts';

/** A table of another program with a chain that translates addresses. */
export interface NatTable {
  readonly family: number;
  readonly table: string;
}

const fixedLength = 4;
const none = new Uint8Array();
/** Reads a dump of all chains. */
export function natTables(dump: Uint8Array): NatTable[] {
  const found = new Map<string, NatTable>();
  for (const { body } of readMessages(dump)) {
    const attributes = readAttributes(body.subarray(fixedLength));
    const table = readText(attributes.get(NFTA.NFTA_CHAIN_TABLE));
    const family = body[0] ?? 0;
    if (readText(attributes.get(NFTA.NFTA_CHAIN_TYPE)) !== 'nat' || table === ownTable) continue;
    found.set(`${family} ${table}`, { family, table });
  }
  return [...found.values()];
}

/**
 * Returns the chain of the first rule in a dump that translates one of the ports; undefined without such a rule. A rule
 * that finds its ports in a set is not detected.
 */
export function translatingChain(dump: Uint8Array, ports: PublishedPorts): string | undefined {
  for (const { body } of readMessages(dump)) {
    const attributes = readAttributes(body.subarray(fixedLength));
    const list = readList(attributes.get(NFTA.NFTA_RULE_EXPRESSIONS) ?? none);
    const expressions = list.map(([, payload]) => {
      const expression = readAttributes(payload);
      const data = readAttributes(expression.get(NFTA_EXPRESSION.NFTA_EXPR_DATA) ?? none);
      return { name: readText(expression.get(NFTA_EXPRESSION.NFTA_EXPR_NAME)), data };
    });
    if (translates(expressions) && matches(expressions, ports))
      return readText(attributes.get(NFTA.NFTA_RULE_CHAIN));
  }
  return undefined;
}

interface Expression {
  readonly name: string;
  readonly data: ReadonlyMap<number, Uint8Array>;
}

function translates(expressions: readonly Expression[]): boolean {
  return expressions.some(({ name, data }) => {
    if (name === 'redir') return true;
    // A rule of iptables contains the target of x_tables by its name.
    if (name === 'target')
      return ['DNAT', 'REDIRECT'].includes(readText(data.get(NFTA_EXPRESSION.NFTA_TARGET_NAME)));
    return name === 'nat' && data.get(NFTA_EXPRESSION.NFTA_NAT_TYPE)?.[3] === NFT.NFT_NAT_DNAT;
  });
}

const protocolNumbers = { tcp: 6, udp: 17 } as const;

function matches(expressions: readonly Expression[], ports: PublishedPorts): boolean {
  const { protocol, hostPort, count } = ports;
  const overlaps = (first: number, last: number) => first < hostPort + count && hostPort <= last;
  const other = protocolNumbers[protocol === 'tcp' ? 'udp' : 'tcp'];
  let found = false;
  let lowest = 0;
  for (const { name, data } of expressions) {
    if (name === 'cmp') {
      const value =
        readAttributes(data.get(NFTA_EXPRESSION.NFTA_CMP_DATA) ?? none).get(NFTA.NFTA_DATA_VALUE) ?? none;
      if (value.length === 1 && value[0] === other) return false;
      if (value.length !== 2) continue;
      const port = (value[0] ?? 0) * 256 + (value[1] ?? 0);
      const operator = data.get(NFTA_EXPRESSION.NFTA_CMP_OP)?.[3];
      if (operator === NFT.NFT_CMP_GTE) lowest = port;
      if (operator === NFT.NFT_CMP_EQ && overlaps(port, port)) found = true;
      if (operator === NFT.NFT_CMP_LTE && overlaps(lowest, port)) found = true;
    } else if (name === 'match') {
      const match = readText(data.get(NFTA_EXPRESSION.NFTA_MATCH_NAME));
      if (match !== 'tcp' && match !== 'udp') continue;
      if (match !== protocol) return false;
      // struct xt_tcp and struct xt_udp begin with the first and last source port, then those of the destination.
      const info = data.get(NFTA_EXPRESSION.NFTA_MATCH_INFO) ?? none;
      const at = (index: number) => (info[index] ?? 0) | ((info[index + 1] ?? 0) << 8);
      if (overlaps(at(4), at(6))) found = true;
    }
  }
  return found;
}

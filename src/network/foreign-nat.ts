// SPDX-License-Identifier: Apache-2.0
import { readAttributes, readList, readMessages, readText } from './netlink-bytes.ts';
import type { PublishedPorts } from './publish.ts';
import { table as ownTable } from './ruleset.ts';

/** A table of another program with a chain that translates addresses. */
export interface NatTable {
  readonly family: number;
  readonly table: string;
}

const fixedLength = 4;
const ofChain = { table: 1, type: 7 };
const ofRule = { table: 1, chain: 2, expressions: 4 };
const ofExpression = { name: 1, data: 2 };

/** Reads a dump of all chains. */
export function natTables(dump: Uint8Array): NatTable[] {
  const found = new Map<string, NatTable>();
  for (const { body } of readMessages(dump)) {
    const attributes = readAttributes(body.subarray(fixedLength));
    const table = readText(attributes.get(ofChain.table));
    const family = body[0] ?? 0;
    if (readText(attributes.get(ofChain.type)) !== 'nat' || table === ownTable) continue;
    found.set(`${family} ${table}`, { family, table });
  }
  return [...found.values()];
}

/**
 * The chain of the first rule in a dump that translates one of the ports; undefined if no rule does. A rule that looks
 * its ports up in a set is not found.
 */
export function translatingChain(dump: Uint8Array, ports: PublishedPorts): string | undefined {
  for (const { body } of readMessages(dump)) {
    const attributes = readAttributes(body.subarray(fixedLength));
    const list = readList(attributes.get(ofRule.expressions) ?? new Uint8Array());
    const expressions = list.map(([, payload]) => {
      const expression = readAttributes(payload);
      const data = readAttributes(expression.get(ofExpression.data) ?? new Uint8Array());
      return { name: readText(expression.get(ofExpression.name)), data };
    });
    if (translates(expressions) && matches(expressions, ports)) return readText(attributes.get(ofRule.chain));
  }
  return undefined;
}

interface Expression {
  readonly name: string;
  readonly data: ReadonlyMap<number, Uint8Array>;
}

const destination = 1;

function translates(expressions: readonly Expression[]): boolean {
  return expressions.some(({ name, data }) => {
    if (name === 'redir') return true;
    // A rule of iptables contains the target of x_tables by its name.
    if (name === 'target') return ['DNAT', 'REDIRECT'].includes(readText(data.get(1)));
    return name === 'nat' && data.get(1)?.[3] === destination;
  });
}

const operators = { equal: 0, atMost: 3, atLeast: 5 } as const;
const protocolNumbers = { tcp: 6, udp: 17 } as const;

function matches(expressions: readonly Expression[], ports: PublishedPorts): boolean {
  const { protocol, hostPort, count } = ports;
  const overlaps = (first: number, last: number) => first < hostPort + count && hostPort <= last;
  const other = protocolNumbers[protocol === 'tcp' ? 'udp' : 'tcp'];
  let found = false;
  let lowest = 0;
  for (const { name, data } of expressions) {
    if (name === 'cmp') {
      const value = readAttributes(data.get(3) ?? new Uint8Array()).get(1) ?? new Uint8Array();
      if (value.length === 1 && value[0] === other) return false;
      if (value.length !== 2) continue;
      const port = (value[0] ?? 0) * 256 + (value[1] ?? 0);
      const operator = data.get(2)?.[3];
      if (operator === operators.atLeast) lowest = port;
      if (operator === operators.equal && overlaps(port, port)) found = true;
      if (operator === operators.atMost && overlaps(lowest, port)) found = true;
    } else if (name === 'match') {
      const match = readText(data.get(1));
      if (match !== 'tcp' && match !== 'udp') continue;
      if (match !== protocol) return false;
      // struct xt_tcp and struct xt_udp begin with the first and last source port, then those of the destination.
      const info = data.get(3) ?? new Uint8Array();
      const at = (index: number) => (info[index] ?? 0) | ((info[index + 1] ?? 0) << 8);
      if (overlaps(at(4), at(6))) found = true;
    }
  }
  return found;
}

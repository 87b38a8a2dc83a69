// SPDX-License-Identifier: Apache-2.0
import { ascii, read32be, readAttributes, readMessages, readText } from './netlink-bytes.ts';
import {
  type Change,
  compare,
  countPackets,
  insertRule,
  interfaceKey,
  loadMeta,
  meta,
  verdict,
} from './nftables.ts';
import { table as ownTable } from './ruleset.ts';

/**
 * A chain of another program that drops forwarded packets unless one of its rules accepts them. A verdict `accept` of
 * another table does not help against it.
 */
export interface DroppingChain {
  readonly family: 'ip' | 'ip6' | 'inet';
  readonly table: string;
  readonly chain: string;
  /** The chain for rules of the administrator: `DOCKER-USER`, or the dropping chain itself. */
  readonly userChain: string;
  /** The program for a chain of the older packet filter, which is not in nf_tables. */
  readonly program?: string;
}

const families: Readonly<Record<number, DroppingChain['family']>> = { 1: 'inet', 2: 'ip', 10: 'ip6' };
const fixedLength = 4;
const attributes = { table: 1, name: 3, hook: 4, policy: 5 };
const hookNumber = 1;
const forward = 2;
const drop = 0;
const dockerUser = 'DOCKER-USER';

/** Reads a dump of all chains. */
export function droppingChains(dump: Uint8Array): DroppingChain[] {
  const chains = readMessages(dump).flatMap(({ body }) => {
    const family = families[body[0] ?? 0];
    const found = readAttributes(body.subarray(fixedLength));
    const hook = found.get(attributes.hook);
    const isForward = hook !== undefined && read32be(readAttributes(hook).get(hookNumber)) === forward;
    const policy = found.get(attributes.policy);
    return family === undefined
      ? []
      : {
          family,
          table: readText(found.get(attributes.table)),
          chain: readText(found.get(attributes.name)),
          drops: isForward && policy !== undefined && read32be(policy) === drop,
        };
  });
  return chains
    .filter(({ drops, table }) => drops && table !== ownTable)
    .map(({ family, table, chain }) => {
      const hasDocker = chains.some(
        other => other.family === family && other.table === table && other.chain === dockerUser,
      );
      return { family, table, chain, userChain: hasDocker ? dockerUser : chain };
    });
}

/** True if a rule of the dump names the interface. */
export function namesInterface(rules: Uint8Array, name: string): boolean {
  const wanted = ascii(name);
  return rules.some((_, at) => wanted.every((byte, index) => rules[at + index] === byte));
}

/**
 * The two rules that accept the packets of a bridge. They match only an interface name and count, because iptables lists
 * no table that contains a rule which it cannot express.
 */
export function acceptBridge({ table, userChain }: DroppingChain, bridge: string): Change[] {
  return [meta.inputName, meta.outputName].map(key =>
    insertRule(table, userChain, [
      loadMeta(key),
      compare('equal', interfaceKey(bridge)),
      countPackets(),
      verdict('accept'),
    ]),
  );
}

/** The commands that add the same rules. */
export function cureText({ family, userChain, program: named }: DroppingChain, bridge: string): string {
  if (family === 'inet') return 'tsubo network allow-forward';
  const program = named ?? (family === 'ip' ? 'iptables' : 'ip6tables');
  return `${program} -I ${userChain} -i ${bridge} -j ACCEPT; ${program} -I ${userChain} -o ${bridge} -j ACCEPT`;
}

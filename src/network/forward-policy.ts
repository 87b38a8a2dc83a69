// SPDX-License-Identifier: Apache-2.0
import { NF, NF_INET, NFPROTO, NFT, NFTA } from '../kernel/netfilter.ts';
import { ascii, read32be, readAttributes, readMessages, readText } from './netlink-bytes.ts';
import {
  type Change,
  compare,
  countPackets,
  insertRule,
  interfaceKey,
  loadMeta,
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

/** Numbers of the families in messages. */
export const familyNumbers = {
  inet: NFPROTO.NFPROTO_INET,
  ip: NFPROTO.NFPROTO_IPV4,
  ip6: NFPROTO.NFPROTO_IPV6,
} as const;

/** Returns the name of a family, as nft(8) writes it. */
export function familyName(number: number): DroppingChain['family'] | undefined {
  return Object.keys(familyNumbers).find(
    (name): name is DroppingChain['family'] => familyNumbers[name as DroppingChain['family']] === number,
  );
}

const fixedLength = 4;
/** The chain that Docker leaves to the administrator. */
export const dockerUser = 'DOCKER-USER';

/** Reads a dump of all chains. */
export function droppingChains(dump: Uint8Array): DroppingChain[] {
  const chains = readMessages(dump).flatMap(({ body }) => {
    const family = familyName(body[0] ?? 0);
    const found = readAttributes(body.subarray(fixedLength));
    const hook = found.get(NFTA.NFTA_CHAIN_HOOK);
    const isForward =
      hook !== undefined &&
      read32be(readAttributes(hook).get(NFTA.NFTA_HOOK_HOOKNUM)) === NF_INET.NF_INET_FORWARD;
    const policy = found.get(NFTA.NFTA_CHAIN_POLICY);
    return family === undefined
      ? []
      : {
          family,
          table: readText(found.get(NFTA.NFTA_CHAIN_TABLE)),
          chain: readText(found.get(NFTA.NFTA_CHAIN_NAME)),
          drops: isForward && policy !== undefined && read32be(policy) === NF.NF_DROP,
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

/** Returns true if a rule of the dump names the interface. */
export function namesInterface(rules: Uint8Array, name: string): boolean {
  const wanted = ascii(name);
  return rules.some((_, at) => wanted.every((byte, index) => rules[at + index] === byte));
}

/**
 * Returns the two rules that accept the packets of a bridge. They match only an interface name and count, because
 * iptables lists no table that contains a rule which it cannot express.
 */
export function acceptBridge({ table, userChain }: DroppingChain, bridge: string): Change[] {
  return [NFT.NFT_META_IIFNAME, NFT.NFT_META_OIFNAME].map(key =>
    insertRule(table, userChain, [
      loadMeta(key),
      compare('equal', interfaceKey(bridge)),
      countPackets(),
      verdict('accept'),
    ]),
  );
}

/** Returns the commands that add the same rules. */
export function cureText({ family, userChain, program: named }: DroppingChain, bridge: string): string {
  if (family === 'inet') return 'tsubo network allow-forward';
  const program = named ?? (family === 'ip' ? 'iptables' : 'ip6tables');
  return `${program} -I ${userChain} -i ${bridge} -j ACCEPT; ${program} -I ${userChain} -o ${bridge} -j ACCEPT`;
}

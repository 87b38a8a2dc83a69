// SPDX-License-Identifier: Apache-2.0
import { onHost } from '../../errors/system.ts';
import type { Binding } from '../../host/binding.d.ts';
import type { NetworkDefinition } from '../../network/definition.ts';
import {
  cureText,
  type DroppingChain,
  droppingChains,
  familyNumbers,
  namesInterface,
} from '../../network/forward-policy.ts';
import { dumpChains, dumpRules } from '../../network/nftables.ts';
import type { Log } from '../runtime.ts';
import { legacyChainsThatDrop } from './legacy-firewall.ts';

/**
 * Returns the chains of other programs with a policy of drop in whose tables no rule contains the name of the bridge.
 */
export function chainsThatDrop(binding: Binding, bridge: string): DroppingChain[] {
  const { answers } = onHost('unable to read the chains of nf_tables', () => binding.netfilter(dumpChains()));
  return droppingChains(answers).filter(({ family, table }) => {
    const rules = binding.netfilter(dumpRules(familyNumbers[family], table));
    return !namesInterface(rules.answers, bridge);
  });
}

/**
 * Warns of a policy of drop, which Docker and ufw set. The runtime changes such a table only if the user requests it.
 */
export function warnOfDroppedForwarding(binding: Binding, log: Log, network: NetworkDefinition): void {
  for (const message of droppedForwarding(binding, network)) log.warn(message);
}

/** Returns a text for each chain that drops the packets of a network, with the cure. */
export function droppedForwarding(binding: Binding, { name, bridge, ipv6 }: NetworkDefinition): string[] {
  const found: string[] = [];
  for (const dropping of [...chainsThatDrop(binding, bridge), ...legacyChainsThatDrop(binding, bridge)]) {
    if (dropping.family === 'ip6' && ipv6 === undefined) continue;
    const { family, table, chain, program } = dropping;
    const owner = program === undefined ? '' : ` of ${program}`;
    found.push(
      `chain ${chain} of table ${family} ${table}${owner} drops the packets of network ${name}: run tsubo network allow-forward, or ${cureText(dropping, bridge)}`,
    );
  }
  return found;
}

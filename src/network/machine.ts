// SPDX-License-Identifier: Apache-2.0
import type { NetworkFacts } from '../host/binding.d.ts';
import { type Address, bitsOf, parseAddress, type Subnet, subnetOf } from './cidr.ts';

/** A subnet in use on the machine, with a text that names its user. */
export interface UsedSubnet {
  readonly subnet: Subnet;
  readonly by: string;
}

/** Returns the subnets of routes and addresses, and single addresses of name servers, without default routes. */
export function usedSubnets(facts: NetworkFacts, nameServers: readonly Address[]): UsedSubnet[] {
  const used: UsedSubnet[] = [];
  const device = (index: number): string =>
    facts.links.find(link => link.index === index)?.name ?? `${index}`;
  for (const { destination, prefix, link } of facts.routes) {
    const address = parseAddress(destination);
    if (address === undefined || prefix === 0) continue;
    used.push({
      subnet: subnetOf(address, prefix),
      by: `the route ${destination}/${prefix} to ${device(link)}`,
    });
  }
  for (const { address, prefix, link } of facts.addresses) {
    const parsed = parseAddress(address);
    if (parsed === undefined) continue;
    used.push({
      subnet: subnetOf(parsed, prefix),
      by: `the address ${address}/${prefix} of ${device(link)}`,
    });
  }
  for (const server of nameServers) {
    used.push({ subnet: subnetOf(server, bitsOf(server.family)), by: 'a name server of /etc/resolv.conf' });
  }
  return used;
}

/** MTU of the device of the IPv4 default route with the lowest metric; without one, of IPv6; otherwise 1500. */
export function defaultMtu(facts: NetworkFacts): number {
  const ofFamily = (colon: boolean) =>
    facts.routes
      .filter(({ destination, prefix }) => prefix === 0 && destination.includes(':') === colon)
      .sort((one, other) => one.metric - other.metric)[0];
  const route = ofFamily(false) ?? ofFamily(true);
  const link = facts.links.find(({ index }) => index === route?.link);
  return link?.mtu ?? 1500;
}

/** Returns the addresses of the lines `nameserver` of a resolv.conf. */
export function nameServersOf(resolvConf: string): Address[] {
  return resolvConf.split('\n').flatMap(line => {
    const [, text = ''] = /^\s*nameserver\s+([^\s%]+)/.exec(line) ?? [];
    return parseAddress(text) ?? [];
  });
}

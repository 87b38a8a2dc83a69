// SPDX-License-Identifier: Apache-2.0
import { RuntimeError } from '../../errors/error.ts';
import { didYouMean } from '../../errors/spelling.ts';
import { onHost } from '../../errors/system.ts';
import { addressesAt, type ContainerAddresses, nextOffset } from '../../network/allocate.ts';
import { type Address, formatAddress, formatSubnet } from '../../network/cidr.ts';
import { firstHost, isHostAddress, type NetworkDefinition, parseRange } from '../../network/definition.ts';
import { defaultNetwork } from '../../network/names.ts';
import type { NetworkRequest } from '../../network/request.ts';
import {
  definitionNames,
  lastOffset,
  type NetworkStore,
  networkStore,
  readDefinition,
} from '../../network/store.ts';
import { chooseIpv4, chooseIpv6 } from '../../network/subnet-choice.ts';
import type { PlannedNetwork } from '../../plan/network.ts';
import type { Runtime } from '../runtime.ts';
import { usedByNetworks, usedOn } from './set-up.ts';

/**
 * Completes requests with the definitions of the networks and the next free addresses. Changes nothing.
 *
 * @throws RuntimeError `network.unknown`, `network.address`, `network.damaged`
 */
export function resolveNetworks(
  { binding }: Pick<Runtime, 'binding'>,
  requests: readonly NetworkRequest[],
): PlannedNetwork[] {
  const store = networkStore(binding);
  return requests.map((request, index) => resolve(store, request, interfaceName(requests, index)));
}

/** `eth0`, `eth1`, ... in order, without the requested names. */
function interfaceName(requests: readonly NetworkRequest[], index: number): string {
  const requested = new Set(requests.map(({ interface: name }) => name));
  const free: string[] = [];
  for (let number = 0; free.length < requests.length; number++) {
    if (!requested.has(`eth${number}`)) free.push(`eth${number}`);
  }
  const before = requests.slice(0, index).filter(({ interface: name }) => name === undefined).length;
  return requests[index]?.interface ?? free[before] ?? '';
}

function resolve(store: NetworkStore, request: NetworkRequest, name: string): PlannedNetwork {
  const known = readDefinition(store, request.name);
  if (known === undefined && request.name !== defaultNetwork) throw unknownNetwork(store, request);
  const made = known === undefined ? newDefinition(store, defaultNetwork, 'tsubo0') : undefined;
  // Read it again: another command may have stored it meanwhile, and newDefinition avoids the subnet of its bridge.
  const stored = made === undefined ? known : readDefinition(store, request.name);
  const network = stored ?? made;
  if (network === undefined) throw unknownNetwork(store, request);
  const { subnet, gateway } = parseRange(network.ipv4);
  const next = nextOffset(subnet, gateway, lastOffset(store, network.name));
  const { addresses, fixed } = chosenAddresses(network, request, addressesAt(network, next));
  return {
    network,
    isNew: stored === undefined,
    interface: name,
    ...(request.mac !== undefined && { mac: request.mac }),
    addresses,
    fixed,
    aliases: request.aliases,
    origin: request.origin,
  };
}

function chosenAddresses(
  network: NetworkDefinition,
  { addresses, origin }: NetworkRequest,
  next: ContainerAddresses,
): Pick<PlannedNetwork, 'addresses' | 'fixed'> {
  for (const address of addresses) checkAddress(network, address, origin);
  const ipv4 = addresses.find(({ family }) => family === 4);
  const ipv6 = addresses.find(({ family }) => family === 6);
  // The IPv6 address follows the IPv4 address, even if that was requested.
  const { subnet } = parseRange(network.ipv4);
  const own = ipv4 === undefined ? next : addressesAt(network, ipv4.value - subnet.value);
  return {
    addresses: ipv6 === undefined ? own : { ...own, ipv6 },
    fixed: { ipv4: ipv4 !== undefined, ipv6: ipv6 !== undefined },
  };
}

function checkAddress(network: NetworkDefinition, address: Address, origin: string): void {
  const range = address.family === 4 ? network.ipv4 : network.ipv6;
  const text = formatAddress(address);
  const bad = (message: string, hint: string) =>
    new RuntimeError({ code: 'network.address', document: origin, message, value: text, hint });
  if (range === undefined) {
    throw bad(`network ${network.name} has no IPv6, and ${text} is requested`, 'omit the address');
  }
  const { subnet, gateway } = parseRange(range);
  if (gateway.value === address.value) {
    throw bad(`${text} is the gateway of network ${network.name}`, 'choose another address of the subnet');
  }
  if (!isHostAddress(subnet, address)) {
    throw bad(
      `${text} is not a host address of network ${network.name} (${formatSubnet(subnet)})`,
      'choose an address inside the subnet, or omit it',
    );
  }
}

function unknownNetwork(store: NetworkStore, { name, origin }: NetworkRequest): RuntimeError {
  const names = [defaultNetwork, ...definitionNames(store)];
  return new RuntimeError({
    code: 'network.unknown',
    document: origin,
    message: `network ${name} does not exist`,
    value: name,
    hint: didYouMean(name, names) ?? `make it: tsubo network create ${name}`,
  });
}

/**
 * Returns a new definition with subnets that overlap nothing on the machine.
 *
 * @throws RuntimeError `network.overlap` if every subnet is in use
 */
export function newDefinition(store: NetworkStore, name: string, bridge: string): NetworkDefinition {
  const { binding } = store;
  const facts = onHost('unable to read the routes of the host', () => binding.networkFacts());
  const used = [...usedOn(binding, facts), ...usedByNetworks(store)];
  const ipv4 = chooseIpv4(used);
  if (ipv4 === undefined) {
    throw new RuntimeError({
      code: 'network.overlap',
      message: `no private IPv4 subnet is free for network ${name}`,
      hint: `choose a subnet: tsubo network create --subnet SUBNET ${name}`,
    });
  }
  const machine = binding.readTextIfThere('/etc/machine-id')?.trim() ?? '';
  const ipv6 = hasIpv6(store) ? chooseIpv6(machine, name, used) : undefined;
  return {
    version: 1,
    name,
    bridge,
    ipv4: { subnet: formatSubnet(ipv4), gateway: formatAddress(firstHost(ipv4)) },
    ...(ipv6 !== undefined && {
      ipv6: { subnet: formatSubnet(ipv6), gateway: formatAddress(firstHost(ipv6)) },
    }),
    internal: false,
    isolated: false,
  };
}

/** New interfaces of this host can have IPv6 addresses. */
export function hasIpv6({ binding }: NetworkStore): boolean {
  return binding.readTextIfThere('/proc/sys/net/ipv6/conf/default/disable_ipv6')?.trim() === '0';
}

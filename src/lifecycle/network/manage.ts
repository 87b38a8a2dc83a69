// SPDX-License-Identifier: Apache-2.0
import { RuntimeError } from '../../errors/error.ts';
import { didYouMean } from '../../errors/spelling.ts';
import { hostFailure, onHost } from '../../errors/system.ts';
import type { NetworkFacts } from '../../host/binding.d.ts';
import {
  type Address,
  bitsOf,
  formatAddress,
  formatSubnet,
  parseAddress,
  parseSubnet,
  type Subnet,
} from '../../network/cidr.ts';
import {
  type AddressRange,
  firstHost,
  isHostAddress,
  isMtu,
  leastMtuOfIpv6,
  type NetworkDefinition,
  parseRange,
} from '../../network/definition.ts';
import { acceptBridge, familyNumbers } from '../../network/forward-policy.ts';
import { defaultNetwork, isInterfaceName, isNetworkName } from '../../network/names.ts';
import { addChanges, networkElements, removeIfPresent } from '../../network/ruleset.ts';
import {
  definitionNames,
  locked,
  type NetworkStore,
  networkNames,
  networkStore,
  readDefinition,
  readDefinitions,
  removeNetworkFiles,
  removeUnfinished,
  takenAddresses,
  writeDefinition,
} from '../../network/store.ts';
import type { Runtime } from '../runtime.ts';
import { chainsThatDrop } from './forwarding.ts';
import { hasLostKeeper } from './keeper.ts';
import { acceptInLegacyChain, legacyChainsThatDrop } from './legacy-firewall.ts';
import { ownerAt } from './owners.ts';
import { reconcile } from './reconcile.ts';
import { newDefinition } from './resolve.ts';
import { apply, requireFree, setUpNetwork, usedByNetworks, usedOn } from './set-up.ts';

export interface NetworkOptions {
  readonly name: string;
  /** At most one of IPv4 and one of IPv6. Default: free subnets, which overlap no other subnet of the machine. */
  readonly subnets: readonly string[];
  /** Default: the first host address of each subnet. */
  readonly gateways: readonly string[];
  /** False: the network has no IPv6. */
  readonly ipv6: boolean;
  readonly mtu?: number;
  readonly bridge?: string;
  readonly internal: boolean;
  readonly isolated: boolean;
}

/** A network and its containers, as `network ls` and `inspect` show them. */
export interface NetworkView extends Omit<NetworkDefinition, 'version'> {
  /** `absent`: the next container makes the bridge. `conflict`: the device of this name is not a bridge. */
  readonly state: 'up' | 'absent' | 'conflict';
  readonly containers: readonly ContainerView[];
}

export interface ContainerView {
  readonly id: string;
  readonly addresses: readonly string[];
  /** Published ports, in the form of `--publish`. Absent if there are none. */
  readonly ports?: readonly string[];
  /** `killed`: other programs can bind the ports, and the next rules of a firewall end them. Absent without a keeper. */
  readonly keeper?: 'running' | 'killed';
}

/** All networks, and for each definition that could not be read, the error. */
export interface NetworkListing {
  readonly networks: readonly NetworkView[];
  readonly damaged: readonly RuntimeError[];
}

/** Values of `container run --network` that name no network. */
const reservedNames: ReadonlySet<string> = new Set(['none', 'host', 'bridge', 'container']);

/**
 * Makes a network: definition, bridge, rules.
 *
 * @throws RuntimeError `usage.bad-value`, `network.exists`, `network.overlap`, `network.conflict`, `host.*`
 */
export function createNetwork(runtime: Runtime, options: NetworkOptions): NetworkDefinition {
  const { binding, log } = runtime;
  const { name, mtu, internal, isolated } = options;
  if (!isNetworkName(name)) throw badValue('the name of a network', name, 'use letters, digits and _ . -');
  if (reservedNames.has(name)) {
    throw badValue('the name of a network', name, 'choose another name: container run --network uses it');
  }
  if (mtu !== undefined && !isMtu(mtu))
    throw badValue('--mtu', String(mtu), 'give a number from 68 to 65535');
  const store = networkStore(binding);
  let hadBridge = false;
  const network = locked(store, () => {
    if (readDefinition(store, name) !== undefined) {
      throw new RuntimeError({
        code: 'network.exists',
        message: `network ${name} exists`,
        value: name,
        hint: `choose another name, or remove it: tsubo network rm ${name}`,
      });
    }
    const chosen = newDefinition(store, name, options.bridge ?? freeBridge(store, name));
    const made: NetworkDefinition = {
      ...withRanges(chosen, options),
      ...(mtu !== undefined && { mtu }),
      internal,
      isolated,
    };
    checkBridge(store, made);
    if (made.ipv6 !== undefined && mtu !== undefined && mtu < leastMtuOfIpv6) {
      throw badValue('--mtu', String(mtu), 'give --no-ipv6, or at least 1280, which IPv6 requires');
    }
    const facts = onHost('unable to read the routes of the host', () => binding.networkFacts());
    requireFree(made, [...usedOn(binding, facts), ...usedByNetworks(store)], '--subnet');
    hadBridge =
      onHost(`unable to find the bridge ${made.bridge}`, () => binding.findLink(made.bridge)) !== undefined;
    writeDefinition(store, made);
    return made;
  });
  try {
    setUpNetwork(store, log, network, { isNew: false, origin: '--bridge' });
  } catch (error) {
    locked(store, () => (hadBridge ? removeNetworkFiles(store, name) : remove(store, name, network)));
    throw error;
  }
  return network;
}

function badValue(subject: string, value: string, hint: string): RuntimeError {
  return new RuntimeError({
    code: 'usage.bad-value',
    message: `invalid value ${JSON.stringify(value)} for ${subject}`,
    value,
    hint,
  });
}

/** Returns the definition with the requested subnets and gateways. */
function withRanges(network: NetworkDefinition, options: NetworkOptions): NetworkDefinition {
  const { subnets, gateways, ipv6: wantsIpv6 } = options;
  const given = subnets.map(text => {
    const subnet = parseSubnet(text);
    const hosts = subnet === undefined ? -1 : bitsOf(subnet.family) - subnet.prefix;
    // A bridge, a container, and for IPv4 the two addresses that belong to no host.
    if (subnet === undefined || hosts < 2) {
      throw badValue('--subnet', text, 'write the first address of a subnet and its prefix: 10.20.0.0/24');
    }
    return subnet;
  });
  const gatewaysGiven = gateways.map(text => {
    const address = parseAddress(text);
    if (address === undefined) throw badValue('--gateway', text, 'give an address of the subnet');
    return address;
  });
  const unwanted = wantsIpv6 ? undefined : [...given, ...gatewaysGiven].find(({ family }) => family === 6);
  if (unwanted !== undefined) {
    const option = given.some(subnet => subnet === unwanted) ? '--subnet' : '--gateway';
    const text = 'prefix' in unwanted ? formatSubnet(unwanted as Subnet) : formatAddress(unwanted);
    throw badValue(option, text, 'remove it, or --no-ipv6');
  }
  const range = (family: 4 | 6, chosen: AddressRange | undefined): AddressRange | undefined => {
    const [own, second] = given.filter(subnet => subnet.family === family);
    if (second !== undefined) {
      throw badValue('--subnet', formatSubnet(second), `give one subnet of IPv${family}`);
    }
    const subnet = own ?? (chosen === undefined ? undefined : parseRange(chosen).subnet);
    const [chosenGateway, secondGateway] = gatewaysGiven.filter(one => one.family === family);
    if (secondGateway !== undefined) {
      throw badValue('--gateway', formatAddress(secondGateway), `give one gateway of IPv${family}`);
    }
    if (subnet === undefined) {
      if (chosenGateway === undefined) return undefined;
      const hint = `the network has no IPv${family}: give a --subnet of IPv${family} too`;
      throw badValue('--gateway', formatAddress(chosenGateway), hint);
    }
    const gateway: Address = chosenGateway ?? firstHost(subnet);
    if (!isHostAddress(subnet, gateway)) {
      throw badValue('--gateway', formatAddress(gateway), `give a host address of ${formatSubnet(subnet)}`);
    }
    return { subnet: formatSubnet(subnet), gateway: formatAddress(gateway) };
  };
  const { ipv6: chosenIpv6, ...rest } = network;
  const ipv6 = wantsIpv6 ? range(6, chosenIpv6) : undefined;
  return { ...rest, ipv4: range(4, network.ipv4) ?? network.ipv4, ...(ipv6 !== undefined && { ipv6 }) };
}

/** Returns `tsubo0` for the default network, otherwise the first name of `tsubo1`, `tsubo2`, ... that is not in use. */
function freeBridge(store: NetworkStore, name: string): string {
  if (name === defaultNetwork) return 'tsubo0';
  const taken = new Set(readDefinitions(store).networks.map(({ bridge }) => bridge));
  for (let number = 1; ; number++) {
    const bridge = `tsubo${number}`;
    if (!taken.has(bridge) && store.binding.findLink(bridge) === undefined) return bridge;
  }
}

function checkBridge(store: NetworkStore, { name, bridge }: NetworkDefinition): void {
  if (!isInterfaceName(bridge))
    throw badValue('--bridge', bridge, 'use at most 15 letters, digits and _ . -');
  const other = readDefinitions(store).networks.find(network => network.bridge === bridge);
  if (other !== undefined) {
    throw new RuntimeError({
      code: 'network.exists',
      document: '--bridge',
      message: `network ${other.name} has the bridge ${bridge}`,
      value: bridge,
    });
  }
  // The network would share a foreign bridge with its other devices.
  if (store.binding.findLink(bridge) === undefined) return;
  throw new RuntimeError({
    code: 'network.conflict',
    document: '--bridge',
    message: `the device ${bridge} exists, and network ${name} would share it`,
    value: bridge,
    hint: 'choose another name',
  });
}

/** Returns all networks with their containers, by name. */
export function listNetworks(runtime: Runtime): NetworkListing {
  const { binding } = runtime;
  const store = networkStore(binding);
  cleanUp(runtime, store);
  const { networks, damaged } = readDefinitions(store);
  const facts = onHost('unable to read the links of the host', () => binding.networkFacts());
  return { networks: networks.map(network => viewOf(runtime, store, network, facts)), damaged };
}

/** @throws RuntimeError `network.unknown`, `network.damaged` */
export function inspectNetwork(runtime: Runtime, name: string): NetworkView {
  const store = networkStore(runtime.binding);
  cleanUp(runtime, store);
  const facts = onHost('unable to read the links of the host', () => runtime.binding.networkFacts());
  return viewOf(runtime, store, requireDefinition(store, name), facts);
}

/** Frees the addresses of containers that have ended. If no network has files, it does not take the lock. */
function cleanUp(runtime: Runtime, store: NetworkStore): void {
  const names = networkNames(store);
  if (names.length === 0) return;
  locked(store, () => {
    for (const name of names) reconcile(runtime, store, name);
  });
}

function requireDefinition(store: NetworkStore, name: string): NetworkDefinition {
  const network = readDefinition(store, name);
  if (network !== undefined) return network;
  throw new RuntimeError({
    code: 'network.unknown',
    message: `network ${name} does not exist`,
    value: name,
    hint: didYouMean(name, definitionNames(store)) ?? 'see tsubo network ls',
  });
}

function viewOf(
  runtime: Runtime,
  store: NetworkStore,
  { version: _, ...network }: NetworkDefinition,
  { links }: NetworkFacts,
): NetworkView {
  const link = links.find(({ name }) => name === network.bridge);
  const state = link === undefined ? 'absent' : link.kind === 'bridge' ? 'up' : 'conflict';
  return { ...network, state, containers: containersOf(runtime, store, network.name) };
}

function containersOf(runtime: Runtime, store: NetworkStore, network: string): ContainerView[] {
  const byOwner = new Map<string, string[]>();
  for (const { address, owner } of takenAddresses(store, network).taken) {
    // A container is just taking this address.
    if (owner === '') continue;
    byOwner.set(owner, [...(byOwner.get(owner) ?? []), formatAddress(address)]);
  }
  return [...byOwner]
    .map(([owner, addresses]) => {
      const { id, record } = ownerAt(runtime, owner);
      const { ports, keeper } = record?.network ?? {};
      return {
        id,
        addresses,
        ...(ports !== undefined && { ports }),
        ...(record !== undefined &&
          keeper !== undefined && {
            keeper: hasLostKeeper(runtime.binding, record) ? ('killed' as const) : ('running' as const),
          }),
      };
    })
    .sort((one, other) => (one.id < other.id ? -1 : 1));
}

/**
 * Removes a network without containers: bridge, elements, files.
 *
 * @throws RuntimeError `network.unknown`, `network.in-use`, `host.syscall`
 */
export function removeNetwork(runtime: Runtime, name: string): void {
  const store = networkStore(runtime.binding);
  locked(store, () => {
    removeUnfinished(store);
    const damaged = readDefinitions(store).damaged.some(({ value }) => value === name);
    // The files of a damaged definition are removed; its bridge is unknown.
    const network = damaged ? undefined : requireDefinition(store, name);
    requireUnused(runtime, store, name);
    remove(store, name, network);
  });
}

function requireUnused(runtime: Runtime, store: NetworkStore, name: string): void {
  reconcile(runtime, store, name);
  const containers = containersOf(runtime, store, name);
  if (containers.length === 0) return;
  throw new RuntimeError({
    code: 'network.in-use',
    message: `network ${name} is in use by ${containers.map(({ id }) => id).join(', ')}`,
    value: name,
    hint: 'delete these containers first',
  });
}

function remove(store: NetworkStore, name: string, network: NetworkDefinition | undefined): void {
  const { binding } = store;
  if (network !== undefined) {
    // An error is ignored: without the table there is nothing to remove.
    apply(binding, removeIfPresent(addChanges(networkElements(network))));
    if (binding.findLink(network.bridge)?.kind === 'bridge') {
      onHost(`unable to remove the bridge ${network.bridge}`, () => binding.removeLink(network.bridge));
    }
  }
  removeNetworkFiles(store, name);
}

/** Frees the addresses of containers that have ended, and removes all networks without containers except the default. */
export function pruneNetworks(runtime: Runtime): string[] {
  const store = networkStore(runtime.binding);
  return locked(store, () => {
    removeUnfinished(store);
    const removed: string[] = [];
    for (const network of readDefinitions(store).networks) {
      reconcile(runtime, store, network.name);
      const isUsed = containersOf(runtime, store, network.name).length > 0;
      if (isUsed || network.name === defaultNetwork) continue;
      remove(store, network.name, network);
      removed.push(network.name);
    }
    return removed;
  });
}

/**
 * Inserts rules into the chains of other programs that drop packets of the networks: two for each bridge. Returns the
 * chains with the bridges.
 *
 * @throws RuntimeError `host.syscall`
 */
export function allowForward(runtime: Runtime): string[] {
  const { binding } = runtime;
  const store = networkStore(binding);
  const done: string[] = [];
  for (const { bridge } of readDefinitions(store).networks) {
    for (const dropping of chainsThatDrop(binding, bridge)) {
      const { family, table, userChain } = dropping;
      const error = apply(binding, acceptBridge(dropping, bridge), familyNumbers[family]);
      const place = `${family} ${table} ${userChain}`;
      if (error !== 0) {
        throw hostFailure(
          { syscall: 'NFT_MSG_NEWRULE', errno: error },
          `unable to add rules to chain ${place}`,
          {
            value: bridge,
          },
        );
      }
      done.push(`${place} ${bridge}`);
    }
    for (const dropping of legacyChainsThatDrop(binding, bridge)) {
      const { family, table, userChain, program } = dropping;
      acceptInLegacyChain(binding, dropping, bridge);
      done.push(`${family} ${table} ${userChain} ${bridge} (${program})`);
    }
  }
  return done;
}

/**
 * Makes missing bridges and rules again, and puts the interfaces of running containers back into their bridges.
 *
 * @throws RuntimeError as setUpNetwork
 */
export function reloadNetworks(runtime: Runtime): void {
  const { binding, log } = runtime;
  const store = networkStore(binding);
  cleanUp(runtime, store);
  for (const network of readDefinitions(store).networks) {
    setUpNetwork(store, log, network, { isNew: false, origin: 'network reload', renew: true });
    const bridge = binding.findLink(network.bridge);
    const owners = new Set(takenAddresses(store, network.name).taken.map(({ owner }) => owner));
    for (const owner of owners) {
      const { attachments = [], ports } = ownerAt(runtime, owner).record?.network ?? {};
      const link = attachments.find(({ name }) => name === network.name)?.link;
      const device = link === undefined ? undefined : binding.findLink(link);
      if (device === undefined || device.master === bridge?.index) continue;
      onHost(`unable to put ${device.name} into the bridge ${network.bridge}`, () =>
        binding.enslave(device.name, network.bridge, ports !== undefined, network.isolated),
      );
    }
  }
}

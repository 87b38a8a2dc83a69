// SPDX-License-Identifier: Apache-2.0
import { errno, errnoText } from '../../errors/errno.ts';
import { RuntimeError } from '../../errors/error.ts';
import { hostFailure, onHost, refusalOf } from '../../errors/system.ts';
import type { Binding, LinkFacts, NetworkFacts } from '../../host/binding.d.ts';
import { type Address, bytesOf, formatAddress, formatSubnet } from '../../network/cidr.ts';
import { type NetworkDefinition, parseRange, rangesOf } from '../../network/definition.ts';
import { defaultMtu, nameServersOf, type UsedSubnet, usedSubnets } from '../../network/machine.ts';
import { type Change, type Element, type Encoded, getElement, transaction } from '../../network/nftables.ts';
import { addChanges, bridgeElement, networkElements, table, tableChanges } from '../../network/ruleset.ts';
import {
  locked,
  type NetworkStore,
  readDefinition,
  readDefinitions,
  writeDefinition,
} from '../../network/store.ts';
import { userOf } from '../../network/subnet-choice.ts';
import type { Log } from '../runtime.ts';
import { warnOfDroppedForwarding } from './forwarding.ts';

/**
 * Makes the missing parts of a network on this machine: its bridge, the table of rules, its elements in the table.
 *
 * @param isNew - the definition is stored first
 * @param renew - the rules are written again even if the table exists
 * @param origin - the option or the pointer that requested the network
 * @returns the bridge, if it existed
 * @throws RuntimeError `network.overlap`, `network.conflict`, `host.unsupported`, `host.syscall`
 */
export function setUpNetwork(
  store: NetworkStore,
  log: Log,
  network: NetworkDefinition,
  {
    isNew,
    origin,
    renew = false,
  }: { readonly isNew: boolean; readonly origin: string; readonly renew?: boolean },
): LinkFacts | undefined {
  const { binding } = store;
  const bridge = isNew || renew ? undefined : binding.findLink(network.bridge);
  if (bridge?.kind === 'bridge' && isPresent(binding, bridgeElement(network.bridge))) return bridge;
  locked(store, () => {
    if (isNew) storeFirst(store, network);
    makeBridge(store, network, origin);
    allowForwarding(store, log, network);
    applyRules(store);
    warnOfDroppedForwarding(binding, log, network);
  });
  return undefined;
}

/**
 * Stores the definition, unless another command has stored the same one. Two commands that make the same network at the
 * same time choose the same subnet, unless the machine changes.
 */
function storeFirst(store: NetworkStore, network: NetworkDefinition): void {
  const stored = readDefinition(store, network.name);
  if (stored === undefined) writeDefinition(store, network);
  else if (JSON.stringify(stored) !== JSON.stringify(network)) {
    throw new RuntimeError({
      code: 'network.conflict',
      message: `another command has made network ${network.name} with another subnet`,
      value: network.name,
      hint: 'try again',
    });
  }
}

function makeBridge({ binding }: NetworkStore, network: NetworkDefinition, origin: string): void {
  const { name, bridge } = network;
  if (requireUsableBridge(binding, network, origin)) return;
  const facts = onHost('unable to read the routes of the host', () => binding.networkFacts());
  const ranges = rangesOf(network);
  const parsed = ranges.map(parseRange);
  requireFree(network, usedOn(binding, facts), origin);
  const mac = [0x02, 0x74, ...bytesOf(parseRange(network.ipv4).gateway)];
  const attempt = `unable to make the bridge ${bridge} of network ${name}`;
  const refusal = refusalOf(() =>
    binding.makeBridge({
      name: bridge,
      mtu: network.mtu ?? defaultMtu(facts),
      mac: Uint8Array.from(mac),
      addresses: [
        ...ranges.map((range, index) => ({
          address: range.gateway,
          prefix: parsed[index]?.subnet.prefix ?? 0,
        })),
        ...(network.ipv6 === undefined ? [] : [{ address: formatAddress(linkLocal(mac)), prefix: 64 }]),
      ],
    }),
  );
  if (refusal === undefined) return;
  throw hostFailure(refusal, attempt, { document: origin, hint: bridgeHints[refusal.errno] });
}

/**
 * Returns the link-local address that the kernel would make from the hardware address: the source of neighbour
 * solicitations.
 * The runtime adds it without duplicate address detection, because it must be usable immediately.
 */
function linkLocal(mac: readonly number[]): Address {
  const [first = 0, ...rest] = mac;
  const bytes = [first ^ 2, ...rest.slice(0, 2), 0xff, 0xfe, ...rest.slice(2)];
  const value = bytes.reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0xfe80_0000_0000_0000n);
  return { family: 6, value };
}

/**
 * Returns true if the bridge exists.
 *
 * @throws RuntimeError `network.conflict` if the device is not a bridge, or lacks the addresses of the network
 */
export function requireUsableBridge(binding: Binding, network: NetworkDefinition, origin: string): boolean {
  const { name, bridge } = network;
  const existing = onHost(`unable to find the bridge ${bridge}`, () => binding.findLink(bridge));
  if (existing === undefined) return false;
  if (existing.kind === 'bridge') {
    requireSameAddresses(binding, network, existing.index, origin);
    return true;
  }
  throw new RuntimeError({
    code: 'network.conflict',
    document: origin,
    message: `the device ${bridge} exists and is not a bridge`,
    value: bridge,
    hint: `rename or remove it, or make network ${name} with another --bridge`,
  });
}

/** A bridge of this name with other addresses is not altered: another program may use it. */
function requireSameAddresses(
  binding: Binding,
  network: NetworkDefinition,
  index: number,
  origin: string,
): void {
  const { name, bridge } = network;
  const facts = onHost('unable to read the addresses of the host', () => binding.networkFacts());
  const own = facts.addresses.filter(({ link }) => link === index);
  for (const range of rangesOf(network)) {
    const { subnet, gateway } = parseRange(range);
    const text = formatAddress(gateway);
    if (own.some(({ address, prefix }) => address === text && prefix === subnet.prefix)) continue;
    throw new RuntimeError({
      code: 'network.conflict',
      document: origin,
      message: `the bridge ${bridge} of network ${name} lacks its address ${text}/${subnet.prefix}`,
      value: bridge,
      hint: `remove the bridge (ip link delete ${bridge}), then run: tsubo network reload`,
    });
  }
}

const bridgeHints: Readonly<Record<number, string>> = {
  [errno.EPERM]: 'a network needs CAP_NET_ADMIN in the network namespace of the runtime',
  [errno.EOPNOTSUPP]: 'this kernel has no bridges (CONFIG_BRIDGE)',
};

/** @throws RuntimeError `network.overlap` */
export function requireFree(network: NetworkDefinition, used: readonly UsedSubnet[], origin: string): void {
  for (const range of rangesOf(network)) {
    const by = userOf(parseRange(range).subnet, used);
    if (by === undefined) continue;
    throw new RuntimeError({
      code: 'network.overlap',
      document: origin,
      message: `the subnet ${range.subnet} of network ${network.name} overlaps ${by}`,
      value: range.subnet,
      hint: 'make the network with another --subnet',
    });
  }
}

/** Returns the subnets on the machine that a new subnet must not overlap, except networks without a bridge. */
export function usedOn(binding: Binding, facts: NetworkFacts): UsedSubnet[] {
  const text = binding.readTextIfThere('/etc/resolv.conf') ?? '';
  return usedSubnets(facts, nameServersOf(text));
}

/** Returns the subnets of the definitions, whether their bridges exist or not. */
export function usedByNetworks(store: NetworkStore): UsedSubnet[] {
  return readDefinitions(store).networks.flatMap(network =>
    rangesOf(network).map(range => {
      const { subnet } = parseRange(range);
      return { subnet, by: `network ${network.name} (${formatSubnet(subnet)})` };
    }),
  );
}

const forwardIpv4 = '/proc/sys/net/ipv4/ip_forward';
const forwardIpv6 = '/proc/sys/net/ipv6/conf/all/forwarding';

/**
 * Enables forwarding on the host, and 127.0.0.1 as a source on the bridge, because published ports need both. Changed
 * switches of the host are recorded in the store and reported in a warning.
 */
function allowForwarding(store: NetworkStore, log: Log, network: NetworkDefinition): void {
  const { binding } = store;
  writeSwitch(binding, `/proc/sys/net/ipv4/conf/${network.bridge}/route_localnet`);
  // A container must not change the routes of the host with a router advertisement.
  const advertisements = `/proc/sys/net/ipv6/conf/${network.bridge}/accept_ra`;
  if (binding.readTextIfThere(advertisements) !== undefined) writeSwitch(binding, advertisements, '0');
  const changed = [forwardIpv4, ...(network.ipv6 === undefined ? [] : [forwardIpv6])].filter(
    path => binding.readTextIfThere(path)?.trim() === '0',
  );
  if (changed.length === 0) return;
  if (changed.includes(forwardIpv6)) keepRouterAdvertisements(binding);
  for (const path of changed) writeSwitch(binding, path);
  const before = changed.map(path => `${path} 0\n`).join('');
  binding.replaceText(`${store.state}/switched-on`, before, 0o644);
  log.warn(`network ${network.name} makes this host forward packets: it set ${changed.join(' and ')} to 1`);
}

function writeSwitch(binding: Binding, path: string, value = '1'): void {
  onHost(`unable to write ${value} to ${path}`, () => binding.writeText(path, value, 0, 0), {
    hint: 'published ports and outgoing traffic need it: set it on the host, where /proc/sys is writable',
  });
}

/** A host that forwards IPv6 ignores router advertisements with accept_ra 1: it would lose its own default route. */
function keepRouterAdvertisements(binding: Binding): void {
  const directory = '/proc/sys/net/ipv6/conf';
  for (const device of binding.readdir(directory)) {
    const path = `${directory}/${device}/accept_ra`;
    if (binding.readTextIfThere(path)?.trim() === '1') writeSwitch(binding, path, '2');
  }
}

/**
 * Updates the table with the elements of all networks whose bridges exist. The keepers of the containers restore the
 * elements of published ports.
 */
export function applyRules(store: NetworkStore): void {
  const { binding } = store;
  const present = readDefinitions(store).networks.filter(
    ({ bridge }) => binding.findLink(bridge)?.kind === 'bridge',
  );
  const error = apply(binding, [...tableChanges(), ...addChanges(present.flatMap(networkElements))]);
  if (error === 0) return;
  const unknown = [errno.EOPNOTSUPP, errno.ENOENT, errno.EINVAL].includes(error);
  throw hostFailure(
    { syscall: 'NFT_MSG_NEWTABLE', errno: error },
    'unable to write the rules of table inet tsubo',
    {
      code: unknown ? 'host.unsupported' : 'host.syscall',
      hint: unknown
        ? `this kernel lacks a part of nf_tables that networks need (${errnoText(error)}): nat, fib, ct or interval sets`
        : undefined,
    },
  );
}

/** Sends a transaction; returns the error of the kernel, or 0. */
export function apply(binding: Binding, changes: readonly Change[], family?: number): number {
  return send(binding, transaction(changes, family));
}

export function send(binding: Binding, messages: Encoded): number {
  return onHost('unable to reach nf_tables', () => binding.netfilter(messages)).errno;
}

/** Returns true if the element exists in table inet tsubo. */
export function isPresent(binding: Binding, element: Element): boolean {
  return send(binding, getElement(table, element)) !== errno.ENOENT;
}

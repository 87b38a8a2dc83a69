// SPDX-License-Identifier: Apache-2.0
import { NF_INET, NFPROTO, NFT } from '../kernel/netfilter.ts';
import { bitsOf, bytesOf, type Subnet } from './cidr.ts';
import { type NetworkDefinition, parseRange } from './definition.ts';
import { type Bytes, type Part, u32le } from './netlink-bytes.ts';
import {
  type Chain,
  type Change,
  compare,
  type Element,
  emptySet,
  type Field,
  flushChain,
  interfaceKey,
  loadConnection,
  loadDestinationType,
  loadMeta,
  loadPayload,
  lookUp,
  mask,
  masquerade,
  type NftSet,
  newChain,
  newElements,
  newRule,
  newSet,
  newTable,
  removal,
  transaction,
  translateDestination,
  verdict,
} from './nftables.ts';

/**
 * The one table `inet tsubo`. Its rules are always the same: networks and published ports are elements of its sets and
 * maps, therefore the cost of a packet does not grow with their number.
 */
export const table = 'tsubo';

/** Types of fields as nft(8) numbers them. */
const protocol: Field = { type: 12, length: 1 };
const port: Field = { type: 13, length: 2 };
const ipv4: Field = { type: 7, length: 4 };
const ipv6: Field = { type: 8, length: 16 };
const device: Field = { type: 41, length: 16 };

const { NFT_SET_INTERVAL: interval, NFT_SET_MAP: map } = NFT;

const sets: readonly NftSet[] = [
  /** Bridges of all networks. */
  { name: 'nets', flags: 0, key: [device] },
  /** Bridges of networks whose traffic may leave. */
  { name: 'outgoing', flags: 0, key: [device] },
  /** Pairs of one bridge with itself: containers of these networks reach each other. */
  { name: 'same', flags: 0, key: [device, device] },
  /** Each bridge with its subnet. */
  { name: 'local', flags: interval, key: [device, ipv4] },
  { name: 'local6', flags: interval, key: [device, ipv6] },
  /** Published ports: of all addresses of the host, or of one (`_at`); single ports, or ranges that keep their numbers. */
  { name: 'ports', flags: map, key: [protocol, port], data: [ipv4, port] },
  { name: 'ports_at', flags: map, key: [ipv4, protocol, port], data: [ipv4, port] },
  { name: 'ports6', flags: map, key: [protocol, port], data: [ipv6, port] },
  { name: 'ports6_at', flags: map, key: [ipv6, protocol, port], data: [ipv6, port] },
  { name: 'ranges', flags: map | interval, key: [protocol, port], data: [ipv4] },
  { name: 'ranges_at', flags: map | interval, key: [ipv4, protocol, port], data: [ipv4] },
  { name: 'ranges6', flags: map | interval, key: [protocol, port], data: [ipv6] },
  { name: 'ranges6_at', flags: map | interval, key: [ipv6, protocol, port], data: [ipv6] },
];

/** Priorities: before connection tracking, of dnat, of filter, of snat. */
const priority = { raw: -300, destination: -100, filter: 0, source: 100 };
const { NF_INET_PRE_ROUTING, NF_INET_FORWARD, NF_INET_LOCAL_OUT, NF_INET_POST_ROUTING } = NF_INET;

const chains: readonly Chain[] = [
  /** Rules of the administrator for traffic that is forwarded; never emptied. */
  { name: 'user' },
  { name: 'publish' },
  { name: 'guard', hook: { type: 'filter', number: NF_INET_PRE_ROUTING, priority: priority.raw } },
  { name: 'prerouting', hook: { type: 'nat', number: NF_INET_PRE_ROUTING, priority: priority.destination } },
  { name: 'output', hook: { type: 'nat', number: NF_INET_LOCAL_OUT, priority: priority.destination } },
  { name: 'postrouting', hook: { type: 'nat', number: NF_INET_POST_ROUTING, priority: priority.source } },
  { name: 'forward', hook: { type: 'filter', number: NF_INET_FORWARD, priority: priority.filter } },
];

const familyNumber = { 4: NFPROTO.NFPROTO_IPV4, 6: NFPROTO.NFPROTO_IPV6 } as const;
type Family = keyof typeof familyNumber;
const isFamily = (family: Family) => [
  loadMeta(NFT.NFT_META_NFPROTO),
  compare('equal', [familyNumber[family]]),
];
const local = 2;
/** Bits of ct state: established and related. Bit of ct status: the destination was translated. */
const knownStates = 2 | 4;
const translated = 0x20;

/** Register of the n-th field of a key, after fields of this many bytes. */
const registerAfter = (bytes: number) => 8 + bytes / 4;
const addressOffset = { 4: { source: 12, destination: 16 }, 6: { source: 8, destination: 24 } } as const;
const bytesOfAddress = (family: Family) => bitsOf(family) / 8;

/** Translates the destination of packets that a map of ports contains. */
function publishRule(family: Family, at: boolean, range: boolean): Part[] {
  const name = `${range ? 'ranges' : 'ports'}${family === 6 ? '6' : ''}${at ? '_at' : ''}`;
  const before = at ? bytesOfAddress(family) : 0;
  return [
    ...isFamily(family),
    ...(at
      ? [
          loadPayload(
            NFT.NFT_PAYLOAD_NETWORK_HEADER,
            addressOffset[family].destination,
            bytesOfAddress(family),
          ),
        ]
      : []),
    loadMeta(NFT.NFT_META_L4PROTO, registerAfter(before)),
    loadPayload(NFT.NFT_PAYLOAD_TRANSPORT_HEADER, 2, 2, registerAfter(before + 4)),
    lookUp(name, { map: true }),
    translateDestination(family, range ? undefined : registerAfter(bytesOfAddress(family))),
  ];
}

const ipv6Loopback = [...Array<number>(15).fill(0), 1];
const isLoopback4 = (which: 'source' | 'destination') => [
  ...isFamily(4),
  loadPayload(NFT.NFT_PAYLOAD_NETWORK_HEADER, addressOffset[4][which], 1),
  compare('equal', [127]),
];
const inputIs = (set: string, absent = false) => [loadMeta(NFT.NFT_META_IIFNAME), lookUp(set, { absent })];
const outputIs = (set: string, absent = false) => [loadMeta(NFT.NFT_META_OIFNAME), lookUp(set, { absent })];
const isTranslated = [loadConnection(NFT.NFT_CT_STATUS), mask(u32le(translated)), compare('other', u32le(0))];
const notFromLoopback = [loadMeta(NFT.NFT_META_IIFNAME), compare('other', interfaceKey('lo'))];

/** Rules by chain, in order. */
const makeRules = (): readonly (readonly [chain: string, expressions: readonly Part[]])[] => [
  // With route_localnet, a bridge would accept packets of the network to and from 127.0.0.0/8.
  ['guard', [...notFromLoopback, ...isLoopback4('destination'), verdict('drop')]],
  ['guard', [...notFromLoopback, ...isLoopback4('source'), verdict('drop')]],
  // Only packets to the host itself: a container may use the same port of another machine.
  ['publish', [loadDestinationType(), compare('other', u32le(local)), verdict('return')]],
  // IPv6 has no route_localnet: the keeper of the container serves ::1.
  [
    'publish',
    [
      ...isFamily(6),
      loadPayload(NFT.NFT_PAYLOAD_NETWORK_HEADER, addressOffset[6].destination, 16),
      compare('equal', ipv6Loopback),
      verdict('return'),
    ],
  ],
  ...([4, 6] as const).flatMap(family =>
    [true, false].flatMap(at =>
      [false, true].map(range => ['publish', publishRule(family, at, range)] as const),
    ),
  ),
  ['prerouting', [verdict('jump', 'publish')]],
  ['output', [verdict('jump', 'publish')]],
  // From 127.0.0.1 to a published port: the container could not answer to that address.
  ['postrouting', [...isLoopback4('source'), ...outputIs('nets'), masquerade()]],
  // From a container to a published port of its own network. By address, because a bridged packet has no input device.
  ['postrouting', [...hairpin(4), ...isTranslated, masquerade()]],
  ['postrouting', [...hairpin(6), ...isTranslated, masquerade()]],
  ['postrouting', [...inputIs('outgoing'), ...outputIs('nets', true), masquerade()]],
  ['forward', [verdict('jump', 'user')]],
  [
    'forward',
    [
      loadConnection(NFT.NFT_CT_STATE),
      mask(u32le(knownStates)),
      compare('other', u32le(0)),
      verdict('accept'),
    ],
  ],
  ['forward', [...isTranslated, verdict('accept')]],
  [
    'forward',
    [loadMeta(NFT.NFT_META_IIFNAME), loadMeta(NFT.NFT_META_OIFNAME, 2), lookUp('same'), verdict('accept')],
  ],
  ['forward', [...outputIs('nets'), verdict('drop')]],
  // The remaining traffic leaves the network.
  ['forward', [...inputIs('outgoing'), verdict('accept')]],
  ['forward', [...inputIs('nets'), verdict('drop')]],
];

function hairpin(family: Family): Part[] {
  const { source } = addressOffset[family];
  return [
    ...isFamily(family),
    loadMeta(NFT.NFT_META_OIFNAME),
    loadPayload(NFT.NFT_PAYLOAD_NETWORK_HEADER, source, bytesOfAddress(family), registerAfter(16)),
    lookUp(family === 4 ? 'local' : 'local6'),
  ];
}

let encodedTable: readonly Change[] | undefined;

/** Makes the table with all its objects, or updates the rules of an existing table. The chain `user` stays. */
export function tableChanges(): readonly Change[] {
  encodedTable ??= makeTable();
  return encodedTable;
}

let encodedTransaction: Uint8Array | undefined;

/**
 * Returns the transaction of `tableChanges`. Always the same, and encoded once: each keeper of published ports has it.
 */
export function tableTransaction(): Uint8Array {
  encodedTransaction ??= transaction(tableChanges()).messages;
  return encodedTransaction;
}

function makeTable(): Change[] {
  const own = chains.filter(({ name }) => name !== 'user');
  return [
    newTable(table),
    ...sets.map((set, index) => newSet(table, set, index + 1)),
    ...chains.map(chain => newChain(table, chain)),
    ...own.map(({ name }) => flushChain(table, name)),
    ...makeRules().map(([chain, expressions]) => newRule(table, chain, expressions)),
  ];
}

/** Empties the maps of published ports. */
export function portMaps(): Change[] {
  return sets.filter(({ data }) => data !== undefined).map(({ name }) => emptySet(table, name));
}

/** The elements of a network are added in one transaction: this one shows whether they exist. */
export function bridgeElement(bridge: string): Element {
  return { set: 'nets', key: interfaceKey(bridge) };
}

/** Returns the elements of one network. */
export function networkElements(network: NetworkDefinition): Element[] {
  const { bridge, internal, isolated, ipv4: range4, ipv6: range6 } = network;
  const key = interfaceKey(bridge);
  return [
    bridgeElement(bridge),
    ...(internal ? [] : [{ set: 'outgoing', key }]),
    ...(isolated ? [] : [{ set: 'same', key: [...key, ...key] }]),
    subnetElement('local', key, parseRange(range4).subnet),
    ...(range6 === undefined ? [] : [subnetElement('local6', key, parseRange(range6).subnet)]),
  ];
}

function subnetElement(set: string, bridge: Bytes, subnet: Subnet): Element {
  const last = subnet.value | ((1n << BigInt(bitsOf(subnet.family) - subnet.prefix)) - 1n);
  return {
    set,
    key: [...bridge, ...bytesOf(subnet)],
    keyEnd: [...bridge, ...bytesOf({ family: subnet.family, value: last })],
  };
}

/** Adds elements, one message a set. An existing equal element is accepted, unless `exclusive`. */
export function addChanges(elements: readonly Element[], exclusive = false): Change[] {
  return bySet(elements).map(([set, some]) => newElements(table, set, some, { exclusive }));
}

/**
 * Removes the elements of `addChanges`, also those that are missing: it adds them first, because the kernel refuses the
 * whole transaction if an element is missing.
 */
export function removeIfPresent(added: readonly Change[]): Change[] {
  return [...added, ...added.map(removal)];
}

/** The kernel reads a list of at most 64 KiB. */
const mostElements = 400;

function bySet(elements: readonly Element[]): [string, Element[]][] {
  const lists: [string, Element[]][] = [];
  for (const element of elements) {
    const list = lists.find(([set, some]) => set === element.set && some.length < mostElements);
    if (list === undefined) lists.push([element.set, [element]]);
    else list[1].push(element);
  }
  return lists;
}

// SPDX-License-Identifier: Apache-2.0
import { errno } from '../errors/errno.ts';
import { RuntimeError } from '../errors/error.ts';
import type { ContainerAddresses } from '../network/allocate.ts';
import { type Address, formatAddress } from '../network/cidr.ts';
import { type NetworkDefinition, parseRange, rangesOf } from '../network/definition.ts';
import { formatMac } from '../network/names.ts';
import type { DnsSettings } from '../network/resolv-conf.ts';
import type { Config } from '../oci/config.ts';
import type { Step } from '../wire/steps.ts';
import type { Facility } from './facility.ts';
import type { HostStep, HostStepOf, Plan } from './plan.ts';

/** A network that the container is attached to, with everything that the machine decides. */
export interface PlannedNetwork {
  readonly network: NetworkDefinition;
  /** The definition is to be stored: the first use of the default network. */
  readonly isNew: boolean;
  /** Name of the interface in the container. */
  readonly interface: string;
  readonly mac?: readonly number[];
  readonly addresses: ContainerAddresses;
  /** True: the address was requested. The others may be replaced by the next free ones. */
  readonly fixed: { readonly ipv4: boolean; readonly ipv6: boolean };
  /** Other names of the container in this network. */
  readonly aliases: readonly string[];
  readonly origin: string;
}

/** Steps of the runtime. */
export interface NetworkSteps {
  /** Makes the missing parts of a network: with `isNew` its definition, then its bridge and its rules. */
  readonly makeNetwork: {
    readonly when: 'before';
    readonly network: NetworkDefinition;
    readonly isNew: boolean;
  };
  /**
   * Takes the addresses of an interface. Those that are not `fixed` are replaced by the next free ones if another
   * container has taken them since the plan was made.
   */
  readonly claimAddress: {
    readonly when: 'before';
    readonly network: NetworkDefinition;
    /** Position of the network among those of the container. */
    readonly link: number;
    readonly addresses: ContainerAddresses;
    readonly fixed: { readonly ipv4: boolean; readonly ipv6: boolean };
    /** Names of the container in the hosts files of the others. */
    readonly names: readonly string[];
  };
  /** Writes the files with names that are bound in /etc: hosts, resolv.conf, and that of the host name. */
  readonly writeNetworkFiles: {
    readonly when: 'before';
    /** Names of the container, its host name first. */
    readonly names: readonly string[];
    readonly dns?: DnsSettings;
  };
  /** Makes a veth pair: one end in the bridge, the other in the init's network namespace with this name. */
  readonly makeVeth: {
    readonly when: 'network';
    readonly bridge: string;
    readonly name: string;
    readonly mac?: readonly number[];
    readonly hairpin: boolean;
    readonly isolated: boolean;
  };
}

/** Words of `configureLinks` for each address and for each route. */
const addressWords = 5;
const routeWords = 4;

/**
 * Refuses an attachment without a new network namespace: the host's or another container's belongs to its owner.
 *
 * @throws RuntimeError `config.network`
 */
export function requireOwnNetwork(config: Config, origin: string): void {
  const namespaces = config.linux?.namespaces ?? [];
  const index = namespaces.findIndex(({ type }) => type === 'network');
  const path = namespaces[index]?.path ?? '';
  if (index >= 0 && path === '') return;
  throw new RuntimeError({
    code: 'config.network',
    pointer: index < 0 ? '/linux/namespaces' : `/linux/namespaces/${index}/path`,
    value: path === '' ? undefined : path,
    message:
      index < 0
        ? `${origin} needs a new network namespace, and the container uses that of the host`
        : `${origin} needs a new network namespace, and the container joins ${path}`,
    hint:
      index < 0
        ? 'add {"type": "network"} to linux.namespaces'
        : `remove the path, or leave ${origin} out: the owner of the namespace configures it`,
    spec: 'config-linux.md#namespaces',
  });
}

/** Steps of the host that must precede the record, which contains the addresses. */
export function networkSteps(networks: readonly PlannedNetwork[], names: readonly string[]): HostStep[] {
  return [
    ...networks.map(({ network, isNew, origin }) => ({
      op: 'makeNetwork' as const,
      when: 'before' as const,
      network,
      isNew,
      origin,
    })),
    ...networks.map(({ network, addresses, fixed, aliases, origin }, index) => ({
      op: 'claimAddress' as const,
      when: 'before' as const,
      network,
      link: index,
      addresses,
      fixed,
      names: [...new Set([...names, ...aliases])],
      origin,
    })),
  ];
}

/** After the record, which lets `delete` find the state directory. */
export function networkFileSteps(
  networks: readonly Pick<PlannedNetwork, 'aliases' | 'origin'>[],
  own: readonly string[],
  dns: DnsSettings | undefined,
): HostStep[] {
  const [first] = networks;
  if (first === undefined) return [];
  const { origin } = first;
  const names = [...new Set([...own, ...networks.flatMap(({ aliases }) => aliases)])];
  return [{ op: 'writeNetworkFiles', when: 'before', names, ...(dns !== undefined && { dns }), origin }];
}

/** Steps of the host while the init waits in its network namespace. */
export function vethSteps(networks: readonly PlannedNetwork[], publishes: boolean): HostStep[] {
  return networks.map(({ network, interface: name, mac, origin }) => ({
    op: 'makeVeth',
    when: 'network',
    bridge: network.bridge,
    name,
    ...(mac !== undefined && { mac }),
    // A container that connects to its own published port gets its packets back from the bridge.
    hairpin: publishes,
    isolated: network.isolated,
    origin,
  }));
}

/** Returns the step that configures the interfaces in the container, or no step without networks. */
export function linkSteps(networks: readonly PlannedNetwork[]): Step[] {
  const [first] = networks;
  if (first === undefined) return [];
  const addresses = networks.flatMap(({ network, addresses: own }, index) => {
    const words = addressesOf(index, parseRange(network.ipv4).subnet.prefix, own.ipv4);
    if (network.ipv6 === undefined || own.ipv6 === undefined) return words;
    return [...words, ...addressesOf(index, parseRange(network.ipv6).subnet.prefix, own.ipv6)];
  });
  // The first network that is not internal has the default route, separately for each family.
  const routes = ([4, 6] as const).flatMap(family => {
    const rangeOf = ({ ipv4, ipv6 }: NetworkDefinition) => (family === 4 ? ipv4 : ipv6);
    const index = networks.findIndex(({ network }) => !network.internal && rangeOf(network) !== undefined);
    const range = networks[index] === undefined ? undefined : rangeOf(networks[index].network);
    return range === undefined ? [] : [index, family, ...halves(parseRange(range).gateway)];
  });
  return [
    {
      op: 'configureLinks',
      origin: first.origin,
      names: networks.map(({ interface: name }) => name),
      addresses,
      routes,
    },
  ];
}

function addressesOf(link: number, prefix: number, address: Address): (number | bigint)[] {
  return [link, address.family, prefix, ...halves(address)];
}

/** Returns the upper and the lower 64 bits; an IPv4 address is in the lower. */
function halves({ value }: Address): [bigint, bigint] {
  return [value >> 64n, value & 0xffff_ffff_ffff_ffffn];
}

/** Returns the same plan with other addresses for one interface: those of the plan were taken meanwhile. */
export function withAddresses(plan: Plan, link: number, { ipv4, ipv6 }: ContainerAddresses): Plan {
  const container = plan.container.map((step): Step => {
    if (step.op !== 'configureLinks') return step;
    const words = [...(step.addresses as readonly (number | bigint)[])];
    for (let at = 0; at < words.length; at += addressWords) {
      const address = words[at + 1] === 4 ? ipv4 : ipv6;
      if (Number(words[at]) === link && address !== undefined) words.splice(at + 3, 2, ...halves(address));
    }
    return { ...step, addresses: words };
  });
  return { ...plan, container };
}

/** `0:10.63.0.7/22` for the words of an address, `0:10.63.0.1` for those of a route. */
function linkWords(words: readonly (number | bigint)[], kind: 'addresses' | 'routes'): string[] {
  const count = kind === 'addresses' ? addressWords : routeWords;
  const found: string[] = [];
  for (let at = 0; at < words.length; at += count) {
    const [link = 0, family = 0, ...rest] = words.slice(at, at + count);
    const [high = 0, low = 0] = rest.slice(-2);
    const address = formatAddress({
      family: Number(family) === 4 ? 4 : 6,
      value: (BigInt(high) << 64n) | BigInt(low),
    });
    found.push(`${link}:${address}${kind === 'addresses' ? `/${rest[0]}` : ''}`);
  }
  return found;
}

const anotherNetwork = 'delete containers, or make another network: tsubo network create';

/** EXFULL of br_add_if(): the bridge has 1,023 ports. */
const bridgeFull = 54;

/** @param owner - id of the container that has the address */
export function addressTaken(
  { network, origin }: HostStepOf<'claimAddress'>,
  address: Address,
  owner: string,
): RuntimeError {
  const text = formatAddress(address);
  return new RuntimeError({
    code: 'network.address',
    document: origin,
    message: `the address ${text} of network ${network.name} belongs to container ${owner}`,
    value: text,
    hint: 'choose another address, or omit it; delete frees the address of a container',
  });
}

export function noFreeAddress({ network, origin }: HostStepOf<'claimAddress'>): RuntimeError {
  return new RuntimeError({
    code: 'network.full',
    document: origin,
    message: `network ${network.name} (${network.ipv4.subnet}) has no free address`,
    value: network.name,
    hint: anotherNetwork,
  });
}

const steps = {
  /**
   * Sets `lo` and the interfaces `names` up, then adds addresses and default routes, all in one send over rtnetlink(7).
   * An address has five words: position of its interface in `names`, 4 or 6, length of the prefix, upper and lower 64
   * bits of the address. A route has four: position, 4 or 6, and the two halves of the gateway.
   */
  configureLinks: { names: 'texts', addresses: 'numbers', routes: 'numbers' },
} as const;

const noIpv6 = 'IPv6 is turned off in new network namespaces here: use a network without IPv6';

/** The interfaces of the networks that a container is attached to. */
export const networkFacility: Facility<typeof steps, NetworkSteps> = {
  steps,
  explain: {
    configureLinks: (_, { report, text, stepText }) => ({
      code: 'container.network',
      message: `unable to configure the network interfaces: ${report.syscall}: ${text}`,
      value: stepText().replace(/^configureLinks /, ''),
    }),
  },
  hints: () => ({
    'configureLinks/RTM_NEWADDR': { [errno.EACCES]: noIpv6, [errno.EOPNOTSUPP]: noIpv6 },
    'configureLinks/RTM_NEWROUTE': {
      [errno.ENETUNREACH]: 'the gateway is not in the subnet of the interface',
    },
  }),
  hostTexts: {
    makeNetwork: ({ network, isNew }) => {
      const { name, bridge, internal, isolated } = network;
      const ranges = rangesOf(network).map(({ subnet }) => subnet);
      const words = [isNew && 'new', internal && 'internal', isolated && 'isolated'].filter(Boolean);
      return [`name=${name} bridge=${bridge} subnets=[${ranges.join(' ')}]`, ...words].join(' ');
    },
    claimAddress: ({ network, addresses: { ipv4, ipv6 } }) => {
      const texts = [ipv4, ...(ipv6 === undefined ? [] : [ipv6])].map(formatAddress);
      return `network=${network.name} addresses=[${texts.join(' ')}]`;
    },
    writeNetworkFiles: ({ names, dns = {} }) => {
      const lists = Object.entries(dns) as [string, readonly string[]][];
      const words = lists.map(([name, list]) => ` ${name}=[${list.join(' ')}]`);
      return `names=[${names.join(' ')}]${words.join('')}`;
    },
    makeVeth: ({ bridge, name, mac, hairpin, isolated }) => {
      const words = [
        mac !== undefined && `mac=${formatMac(mac)}`,
        hairpin && 'hairpin',
        isolated && 'isolated',
      ];
      return [`bridge=${bridge} name=${name}`, ...words.filter(Boolean)].join(' ');
    },
  },
  explainHost: {
    makeVeth: ({ bridge, name }, { syscall, errno: number }) =>
      number === bridgeFull
        ? {
            attempt: '',
            code: 'network.full',
            message: `the bridge ${bridge} has 1023 containers, and the kernel allows no more`,
            value: bridge,
            errnoName: 'EXFULL',
            hint: anotherNetwork,
          }
        : { attempt: `unable to make the interface ${name} in bridge ${bridge}: ${syscall}`, value: name },
  },
  hostHints: () => ({
    makeVeth: {
      [errno.ENODEV]: 'the bridge was removed meanwhile: tsubo network reload makes it again',
      [errno.EPERM]: 'it needs CAP_NET_ADMIN in the network namespaces of the host and of the container',
      [errno.EOPNOTSUPP]: 'this kernel has no veth devices (CONFIG_VETH)',
      [errno.EADDRNOTAVAIL]: 'the kernel refuses this hardware address',
    },
  }),
  lists: {
    configureLinks: {
      addresses: words => linkWords(words, 'addresses'),
      routes: words => linkWords(words, 'routes'),
    },
  },
};

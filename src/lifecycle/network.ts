// SPDX-License-Identifier: Apache-2.0
import { errno } from '../errors/errno.ts';
import { RuntimeError } from '../errors/error.ts';
import { hostFailure, isSystemError } from '../errors/system.ts';
import { lastComponent } from '../host/paths.ts';
import { addressesAt, type ContainerAddresses, capacity, nextOffset } from '../network/allocate.ts';
import { type Address, formatAddress } from '../network/cidr.ts';
import { parseRange } from '../network/definition.ts';
import {
  claimAddress as claim,
  freeAddress,
  locked,
  type NetworkStore,
  networkStore,
  ownerOf,
  saveLastOffset,
} from '../network/store.ts';
import { withAddresses } from '../plan/network.ts';
import type { HostStepOf } from '../plan/plan.ts';
import type { HostOperation, HostWork } from './host-work.ts';
import { reconcile } from './network/reconcile.ts';
import { setUpNetwork } from './network/set-up.ts';

export const makeNetwork: HostOperation<'makeNetwork'> = {
  apply(steps, { runtime }) {
    const store = networkStore(runtime.binding);
    // No undo: the network belongs to the machine and stays, as the next container needs it.
    for (const { network, isNew, origin } of steps) {
      setUpNetwork(store, runtime.log, network, { isNew, origin });
    }
  },
};

type ClaimStep = HostStepOf<'claimAddress'>;

export const claimAddress: HostOperation<'claimAddress'> = {
  apply(steps, work) {
    const store = networkStore(work.runtime.binding);
    for (const step of steps) {
      // Under the lock: a file without an owner is then never one that is being written.
      const taken = locked(store, () => take(store, work, step));
      if (taken !== step.addresses) work.plan = withAddresses(work.plan, step.link, taken);
      work.attachments.push({
        name: step.network.name,
        bridge: step.network.bridge,
        interface: interfaceOf(work, step.link),
        addresses: listed(taken).map(formatAddress),
      });
    }
  },
};

/** The operation for the nth network is the nth `makeVeth`. */
function interfaceOf({ plan }: HostWork, link: number): string {
  const step = plan.host.filter(one => one.op === 'makeVeth')[link];
  return step?.op === 'makeVeth' ? step.name : '';
}

/** Takes the planned addresses, or the next free ones. */
function take(store: NetworkStore, work: HostWork, step: ClaimStep): ContainerAddresses {
  const { network, fixed } = step;
  const { subnet, gateway } = parseRange(network.ipv4);
  let { addresses } = step;
  let swept = false;
  const most = capacity(subnet);
  for (let tries = 0n; ; tries++) {
    const refused = takeAll(store, work, step, addresses);
    if (refused === undefined) break;
    if (fixed.ipv4 || (fixed.ipv6 && refused.family === 6)) throw addressTaken(store, step, refused);
    if (tries >= most) {
      // Addresses of containers that ended without a delete count only now.
      if (swept) throw full(step);
      reconcile(work.runtime, store, network.name);
      swept = true;
      tries = 0n;
    }
    const offset = nextOffset(subnet, gateway, addresses.ipv4.value - subnet.value);
    const next = addressesAt(network, offset);
    addresses = fixed.ipv6 && addresses.ipv6 !== undefined ? { ...next, ipv6: addresses.ipv6 } : next;
  }
  if (!fixed.ipv4) saveLastOffset(store, network.name, addresses.ipv4.value - subnet.value);
  return addresses;
}

/** Takes both addresses or none; returns the one that is taken. */
function takeAll(
  store: NetworkStore,
  work: HostWork,
  { network }: ClaimStep,
  addresses: ContainerAddresses,
): Address | undefined {
  const owner = work.stateDirectory;
  const done: Address[] = [];
  for (const address of listed(addresses)) {
    if (!claim(store, network.name, address, owner)) {
      for (const other of done) freeAddress(store, network.name, other, owner);
      return address;
    }
    done.push(address);
  }
  work.undo.arm(`the addresses in network ${network.name}`, () =>
    locked(store, () => {
      for (const address of done) freeAddress(store, network.name, address, owner);
    }),
  );
  return undefined;
}

export function listed({ ipv4, ipv6 }: ContainerAddresses): Address[] {
  return ipv6 === undefined ? [ipv4] : [ipv4, ipv6];
}

function addressTaken(store: NetworkStore, { network, origin }: ClaimStep, address: Address): RuntimeError {
  const owner = ownerOf(store, network.name, address);
  const text = formatAddress(address);
  return new RuntimeError({
    code: 'network.address',
    document: origin,
    message: `the address ${text} of network ${network.name} belongs to container ${lastComponent(owner ?? '?')}`,
    value: text,
    hint: 'choose another address, or omit it; delete frees the address of a container',
  });
}

function full({ network, origin }: ClaimStep): RuntimeError {
  return new RuntimeError({
    code: 'network.full',
    document: origin,
    message: `network ${network.name} (${network.ipv4.subnet}) has no free address`,
    value: network.name,
    hint: 'delete containers, or make another network: tsubo network create',
  });
}

export const makeVeth: HostOperation<'makeVeth'> = {
  apply(steps, work) {
    const { binding } = work.runtime;
    // No undo: the pair ends with the network namespace, and RTM_DELLINK would take 30 ms.
    for (const [index, step] of steps.entries()) {
      const { bridge, name, mac, hairpin, isolated } = step;
      let link: string;
      try {
        link = binding.makeVeth({
          bridge,
          // The pid of the init is unique at any time.
          name: `ts${work.init.pid}e${index}`,
          pid: work.init.pid,
          peer: name,
          ...(mac !== undefined && { mac: Uint8Array.from(mac) }),
          hairpin,
          isolated,
        });
      } catch (error) {
        throw isSystemError(error) ? vethFailure(step, error) : error;
      }
      work.attachments = work.attachments.map(one => (one.interface === name ? { ...one, link } : one));
    }
  },
};

/** EXFULL of br_add_if(): the bridge has 1,023 ports. */
const bridgeFull = 54;

function vethFailure(
  { bridge, name, origin }: HostStepOf<'makeVeth'>,
  error: { readonly syscall: string; readonly errno: number },
): RuntimeError {
  if (error.errno === bridgeFull) {
    return new RuntimeError({
      code: 'network.full',
      document: origin,
      message: `the bridge ${bridge} has 1023 containers, and the kernel allows no more`,
      value: bridge,
      syscall: error.syscall,
      errno: error.errno,
      errnoName: 'EXFULL',
      hint: 'delete containers, or make another network: tsubo network create',
    });
  }
  return hostFailure(error, `unable to make the interface ${name} in bridge ${bridge}: ${error.syscall}`, {
    document: origin,
    value: name,
    hint: vethHints[error.errno],
  });
}

const vethHints: Readonly<Record<number, string>> = {
  [errno.ENODEV]: 'the bridge was removed in this moment: tsubo network reload makes it again',
  [errno.EPERM]: 'it needs CAP_NET_ADMIN in the network namespaces of the host and of the container',
  [errno.EOPNOTSUPP]: 'this kernel has no veth devices (CONFIG_VETH)',
  [errno.EADDRNOTAVAIL]: 'the kernel refuses this hardware address',
};

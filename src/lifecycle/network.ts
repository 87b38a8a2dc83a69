// SPDX-License-Identifier: Apache-2.0
import type { RuntimeError } from '../errors/error.ts';
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
import { onHostStep } from '../plan/explain.ts';
import { addressTaken, noFreeAddress, withAddresses } from '../plan/network.ts';
import type { HostStepOf } from '../plan/plan.ts';
import type { HostContext, HostOperation } from './host-context.ts';
import { droppedForwarding } from './network/forwarding.ts';
import { ownerAt } from './network/owners.ts';
import { reconcile } from './network/reconcile.ts';
import { requireUsableBridge, setUpNetwork } from './network/set-up.ts';
import { type Runtime, silentLog } from './runtime.ts';

export const makeNetwork: HostOperation<'makeNetwork'> = {
  apply(steps, context) {
    const { runtime } = context;
    const store = networkStore(runtime.binding);
    // No undo: the network belongs to the machine and stays for the next container.
    for (const { network, isNew, origin } of steps) {
      const bridge = setUpNetwork(store, runtime.log, network, { isNew, origin });
      if (bridge !== undefined) context.bridges.set(network.bridge, bridge);
    }
  },
  inspect({ network, origin }, binding, findings) {
    requireUsableBridge(binding, network, origin);
    for (const message of droppedForwarding(binding, network)) {
      findings.warnings.push({
        code: 'network.foreign-rule',
        document: origin,
        message,
        value: network.bridge,
      });
    }
  },
};

type ClaimStep = HostStepOf<'claimAddress'>;

export const claimAddress: HostOperation<'claimAddress'> = {
  apply(steps, context) {
    const store = networkStore(context.runtime.binding);
    for (const step of steps) {
      // Under the lock: a file without an owner is then never one that is being written.
      const taken = locked(store, () => take(store, context, step));
      if (taken !== step.addresses) context.plan = withAddresses(context.plan, step.link, taken);
      context.attachments.push({
        name: step.network.name,
        bridge: step.network.bridge,
        interface: interfaceOf(context, step.link),
        addresses: listed(taken).map(formatAddress),
      });
    }
  },
  inspect(step, binding) {
    const store = networkStore(binding);
    const { network, fixed, addresses } = step;
    for (const address of listed(addresses)) {
      if (!(address.family === 4 ? fixed.ipv4 : fixed.ipv6)) continue;
      const owner = ownerOf(store, network.name, address);
      const runtime: Runtime = { binding, root: '/', log: silentLog };
      if (owner !== undefined && ownerAt(runtime, owner).isActive) throw takenBy(store, step, address);
    }
  },
};

/** The operation for the nth network is the nth `makeVeth`. */
function interfaceOf({ plan }: HostContext, link: number): string {
  const step = plan.host.filter(one => one.op === 'makeVeth')[link];
  return step?.op === 'makeVeth' ? step.name : '';
}

/** Takes the planned addresses, or the next free ones. */
function take(store: NetworkStore, context: HostContext, step: ClaimStep): ContainerAddresses {
  const { network, fixed } = step;
  const { subnet, gateway } = parseRange(network.ipv4);
  let { addresses } = step;
  let swept = false;
  const most = capacity(subnet);
  for (let tries = 0n; ; tries++) {
    const refused = takeAll(store, context, step, addresses);
    if (refused === undefined) break;
    const isFixed = fixed.ipv4 || (fixed.ipv6 && refused.family === 6);
    if (isFixed || tries >= most) {
      // Addresses of containers that ended without a delete are freed only now.
      if (swept) throw isFixed ? takenBy(store, step, refused) : noFreeAddress(step);
      reconcile(context.runtime, store, network.name);
      swept = true;
      tries = 0n;
      if (isFixed) continue;
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
  context: HostContext,
  { network, names }: ClaimStep,
  addresses: ContainerAddresses,
): Address | undefined {
  const owner = context.stateDirectory;
  const done: Address[] = [];
  const freeAll = () => {
    for (const address of done) freeAddress(store, network.name, address, owner);
  };
  try {
    for (const address of listed(addresses)) {
      if (!claim(store, network.name, address, owner, names)) {
        freeAll();
        return address;
      }
      done.push(address);
    }
  } catch (error) {
    freeAll();
    throw error;
  }
  context.undo.arm(`the addresses in network ${network.name}`, () => locked(store, freeAll));
  return undefined;
}

function takenBy(store: NetworkStore, step: ClaimStep, address: Address): RuntimeError {
  return addressTaken(step, address, lastComponent(ownerOf(store, step.network.name, address) ?? '?'));
}

export function listed({ ipv4, ipv6 }: ContainerAddresses): Address[] {
  return ipv6 === undefined ? [ipv4] : [ipv4, ipv6];
}

export const makeVeth: HostOperation<'makeVeth'> = {
  apply(steps, context) {
    const { binding } = context.runtime;
    // No undo: the pair ends with the network namespace, and RTM_DELLINK would take 30 ms.
    for (const [index, step] of steps.entries()) {
      const { bridge, name, mac, hairpin, isolated } = step;
      const known = context.bridges.get(bridge);
      const link = onHostStep(step, () =>
        binding.makeVeth({
          bridge,
          ...(known !== undefined && { known }),
          // The pid of the init is unique at any time.
          name: `ts${context.init.pid}e${index}`,
          pid: context.init.pid,
          peer: name,
          ...(mac !== undefined && { mac: Uint8Array.from(mac) }),
          hairpin,
          isolated,
        }),
      );
      context.attachments = context.attachments.map(one => (one.interface === name ? { ...one, link } : one));
    }
  },
};

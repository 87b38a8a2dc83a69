// SPDX-License-Identifier: Apache-2.0
import { errno } from '../errors/errno.ts';
import { type ErrorFields, RuntimeError } from '../errors/error.ts';
import { hostFailure, isSystemError, onHost } from '../errors/system.ts';
import type { Binding, KeeperListener } from '../host/binding.d.ts';
import { unlessMissing } from '../host/files.ts';
import { entryPath } from '../host/paths.ts';
import { O } from '../kernel/files.ts';
import type { ContainerAddresses } from '../network/allocate.ts';
import { formatAddress, parseAddress } from '../network/cidr.ts';
import { dumpConnections, staleConnections } from '../network/conntrack.ts';
import { natTables, translatingChain } from '../network/foreign-nat.ts';
import { familyName } from '../network/forward-policy.ts';
import { type Change, dumpChains, dumpRules, transaction } from '../network/nftables.ts';
import {
  addressesToHold,
  collide,
  type PublishedPorts,
  parsePublished,
  portElements,
  publishedText,
} from '../network/publish.ts';
import {
  addChanges,
  networkElements,
  portMaps,
  removeIfPresent,
  tableTransaction,
} from '../network/ruleset.ts';
import { locked, type NetworkStore, networkNames, networkStore, takenAddresses } from '../network/store.ts';
import { hostStepFailure } from '../plan/explain.ts';
import type { HostStepOf } from '../plan/plan.ts';
import { holdFailure, portTaken } from '../plan/ports.ts';
import type { HostContext, HostOperation } from './host-context.ts';
import { identify } from './init-process.ts';
import { type Owner, ownerAt } from './network/owners.ts';
import { keeperName, type PortHolder, portHolder } from './network/port-holder.ts';
import type { NetworkRecord } from './network/record.ts';
import { hasIpv6 } from './network/resolve.ts';
import { apply, applyRules, isPresent, send } from './network/set-up.ts';
import { files } from './record.ts';
import { type Runtime, silentLog } from './runtime.ts';

/** Longest wait for the keeper of a container that has ended. */
const keeperTimeoutMs = 10_000;
/** Number of attempts, and the pause between them, to bind a port in use of which no process has a socket. */
const attempts = 500;
const pauseMs = 2;

export const reservePorts: HostOperation<'reservePorts'> = {
  apply(steps, context) {
    const { binding } = context.runtime;
    const ipv6 = hasIpv6(networkStore(binding));
    for (const { ports, origin } of steps) {
      for (const address of addressesToHold(ports, ipv6)) {
        const fds = hold(context.runtime, ports, address, origin);
        // The keeper has copies; without one, the ports are free again.
        context.atEnd(() => {
          for (const fd of fds.splice(0)) binding.close(fd);
        });
        context.heldPorts.push({ ports, fds });
      }
    }
  },
  inspect({ ports, origin }, binding, findings) {
    const runtime: Runtime = { binding, root: '/', log: silentLog };
    // Only an attempt to listen detects every kind of use; the sockets are closed at once.
    for (const address of addressesToHold(ports, hasIpv6(networkStore(binding)))) {
      for (const fd of hold(runtime, ports, address, origin)) binding.close(fd);
    }
    for (const warning of foreignRules(binding, ports, origin)) findings.warnings.push(warning);
  },
};

/** Rules of other programs that translate the same ports. A socket does not collide with them. */
function foreignRules(binding: Binding, ports: PublishedPorts, origin: string): ErrorFields[] {
  const { answers } = onHost('unable to read the chains of nf_tables', () => binding.netfilter(dumpChains()));
  return natTables(answers).flatMap(({ family, table: foreign }) => {
    const chain = translatingChain(binding.netfilter(dumpRules(family, foreign)).answers, ports);
    if (chain === undefined) return [];
    const name = `${familyName(family) ?? family} ${foreign}`;
    return {
      code: 'network.foreign-rule',
      document: origin,
      message: `a rule in chain ${chain} of table ${name} also translates ${publishedText(ports)}: only one of the two gets the connections`,
      value: publishedText(ports),
      hint: `publish another port, or remove the rule: nft list chain ${name} ${chain}`,
    };
  });
}

/** The sockets of consecutive ports at one address. */
export interface HeldPorts {
  readonly ports: PublishedPorts;
  /** Emptied when they are closed. */
  readonly fds: number[];
}

function hold(runtime: Runtime, ports: PublishedPorts, address: string, origin: string): number[] {
  const { binding } = runtime;
  const { protocol, hostPort: first, count } = ports;
  for (let attempt = 0; ; attempt++) {
    try {
      return binding.holdPorts({ protocol, address, first, count });
    } catch (error) {
      if (!isSystemError(error)) throw error;
      if (error.errno !== errno.EADDRINUSE)
        throw holdFailure(error, address, origin, () => lowestPort(binding));
      const port = Number(error.path);
      const owner = containerWith(runtime, { ...ports, hostPort: port, count: 1 });
      const holder = owner === undefined ? portHolder(binding, protocol, port) : undefined;
      if (owner !== undefined || attempt === attempts || !waitForHolder(binding, holder)) {
        throw portTaken(`${port}/${protocol}`, address, owner?.id, holder, origin);
      }
    }
  }
}

/** Returns true if the port may be free now: a keeper outlives its container by less than a millisecond. */
function waitForHolder(binding: Binding, holder: PortHolder | undefined): boolean {
  if (holder !== undefined && holder.name !== keeperName) return false;
  const pidfd = holder && binding.pidfdOpen(holder.pid);
  if (pidfd === undefined) {
    // The keeper has exited since the attempt, or has closed its sockets already.
    binding.sleepMs(pauseMs);
    return true;
  }
  const ended = binding.pidfdWait(pidfd, keeperTimeoutMs);
  binding.close(pidfd);
  return ended;
}

/** Returns the containers of all roots that have published ports and addresses. */
function publishers(runtime: Runtime, store: NetworkStore): Publisher[] {
  const owners = networkNames(store).flatMap(name =>
    takenAddresses(store, name).taken.map(({ owner }) => owner),
  );
  return publishersAt(runtime, owners);
}

/** Returns the first port that a process without CAP_NET_BIND_SERVICE may bind. */
function lowestPort(binding: Binding): string {
  return binding.readTextIfThere('/proc/sys/net/ipv4/ip_unprivileged_port_start')?.trim() ?? '1024';
}

interface Publisher {
  readonly owner: Owner;
  readonly network: NetworkRecord;
}

function publishersAt(runtime: Runtime, directories: readonly string[]): Publisher[] {
  return [...new Set(directories)].flatMap(directory => {
    const owner = ownerAt(runtime, directory);
    const network = owner.record?.network;
    return owner.isActive && network?.ports !== undefined ? [{ owner, network }] : [];
  });
}

function containerWith(runtime: Runtime, wanted: PublishedPorts): Owner | undefined {
  const { binding, root } = runtime;
  // Without root, a container has published ports and no address of its own.
  const names = unlessMissing(() => binding.readdir(root)) ?? [];
  const own = names.map(name => entryPath(root, name));
  return [...publishers(runtime, networkStore(binding)), ...publishersAt(runtime, own)].find(({ network }) =>
    (network.ports ?? []).some(text => collide(parsePublished(text), wanted)),
  )?.owner;
}

export const publishPorts: HostOperation<'publishPorts'> = {
  apply(steps, context) {
    const { runtime } = context;
    const { binding } = runtime;
    const ports = steps.map(({ ports: published }) => published);
    const addresses = requireAddresses(context);
    const changes = addChanges(portElements(ports, addresses));
    const added = transaction(changes);
    // Without the lock: a command that makes the maps again finds the ports in the record.
    if (changes.length > 0 && send(binding, added) !== 0) {
      const store = networkStore(binding);
      locked(store, () => addAgain(context, store, steps, changes));
    }
    // The keeper removes its elements when the init has exited. Before the keeper runs, this undo must remove them.
    let kept = false;
    context.undo.arm('the published ports', () => {
      const error = kept ? 0 : send(binding, transaction(removeIfPresent(changes)));
      if (error !== 0)
        throw hostFailure({ syscall: 'NFT_MSG_DELSETELEM', errno: error }, 'unable to remove them');
    });
    const path = entryPath(context.stateDirectory, files.portsRemoved);
    const removed = onHost(`unable to make ${path}`, () =>
      binding.open(path, O.O_RDWR | O.O_CREAT | O.O_CLOEXEC, 0o600),
    );
    context.atEnd(() => binding.close(removed));
    const keeper = onHost('unable to start the keeper of the published ports', () =>
      binding.startKeeper({
        removed,
        pidfd: context.init.pidfd,
        listeners: listenersOf(context, addresses),
        restore: [
          tableTransaction(),
          transaction(addChanges(networksOf(context).flatMap(networkElements))).messages,
          added.messages,
        ],
        end: [transaction(removeIfPresent(changes)).messages],
      }),
    );
    kept = true;
    const startTime = identify(binding, keeper.pid)?.startTime;
    if (startTime !== undefined) context.keeper = { pid: keeper.pid, startTime };
    forgetConnections(runtime, ports);
  },
};

/** Returns the addresses of the first network: ports lead there. */
function addressesOf({ attachments }: Pick<NetworkRecord, 'attachments'>): ContainerAddresses | undefined {
  const [ipv4, ipv6] = (attachments[0]?.addresses ?? []).flatMap(text => parseAddress(text) ?? []);
  return ipv4 && { ipv4, ...(ipv6 !== undefined && { ipv6 }) };
}

function requireAddresses(context: HostContext): ContainerAddresses {
  const addresses = addressesOf(context);
  if (addresses !== undefined) return addresses;
  throw new RuntimeError({ code: 'internal', message: 'ports without an address' });
}

function networksOf({ plan }: HostContext) {
  return plan.host.flatMap(step => (step.op === 'makeNetwork' ? [step.network] : []));
}

function listenersOf({ heldPorts }: HostContext, { ipv4 }: ContainerAddresses): KeeperListener[] {
  const address = formatAddress(ipv4);
  return heldPorts.flatMap(({ ports, fds }) =>
    fds.map((fd, index) => ({ fd, protocol: ports.protocol, address, port: ports.containerPort + index })),
  );
}

/**
 * Adds elements that the kernel has refused: the table is missing, or an element with an equal key exists. The runtime
 * holds the sockets of the ports, therefore that element belongs to a container whose keeper was killed. The maps are
 * then made again from the records of all containers. Precondition: the lock of the networks is held.
 */
function addAgain(
  context: HostContext,
  store: NetworkStore,
  steps: readonly HostStepOf<'publishPorts'>[],
  changes: readonly Change[],
): void {
  const { binding } = store;
  applyRules(store);
  if (apply(binding, changes) === 0) return;
  const error = apply(binding, [...portMaps(), ...changes, ...otherPorts(context.runtime, store)]);
  if (error === 0) return;
  const [first] = steps;
  if (first === undefined) return;
  const failure = hostStepFailure(first, { syscall: 'NFT_MSG_NEWSETELEM', errno: error });
  throw failure.with({ value: steps.map(({ ports }) => publishedText(ports)).join(' ') });
}

/**
 * If elements of an ended container remain because its keeper was killed, makes the maps again from the records of all
 * containers. Precondition: the lock is held.
 */
export function removeLeftPorts(
  runtime: Runtime,
  store: NetworkStore,
  { attachments, ports = [] }: Pick<NetworkRecord, 'attachments' | 'ports'>,
): void {
  const addresses = addressesOf({ attachments });
  // The elements are added and removed in one transaction: if one is present, all are. The element may belong to another
  // container by now: making the maps again is then unnecessary but harmless.
  const [element] = addresses === undefined ? [] : portElements(ports.map(parsePublished), addresses);
  if (element === undefined || !isPresent(store.binding, element)) return;
  const error = apply(store.binding, [...portMaps(), ...otherPorts(runtime, store)]);
  // Without a table there are no maps.
  if (error === 0 || error === errno.ENOENT) return;
  throw hostFailure({ syscall: 'NFT_MSG_NEWSETELEM', errno: error }, 'unable to remove published ports');
}

/** Elements of the containers that run or are being created. */
function otherPorts(runtime: Runtime, store: NetworkStore) {
  return publishers(runtime, store).flatMap(({ network }) => {
    const addresses = addressesOf(network);
    if (addresses === undefined) return [];
    return addChanges(portElements((network.ports ?? []).map(parsePublished), addresses));
  });
}

/**
 * Removes tracked connections to UDP ports, because a client that used a port before would keep its old destination.
 */
function forgetConnections({ binding }: Runtime, ports: readonly PublishedPorts[]): void {
  if (ports.every(({ protocol }) => protocol === 'tcp')) return;
  const { answers } = binding.netfilter(dumpConnections());
  // ENOENT: the connection has ended meanwhile.
  for (const removal of staleConnections(answers, ports)) binding.netfilter(removal);
}

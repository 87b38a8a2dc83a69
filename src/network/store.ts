// SPDX-License-Identifier: Apache-2.0
import { errno } from '../errors/errno.ts';
import { RuntimeError } from '../errors/error.ts';
import { isSystemError, onHost, refusalOf, toRuntimeError } from '../errors/system.ts';
import type { Binding } from '../host/binding.d.ts';
import { isDirectory, makeDirectories, unlessMissing } from '../host/files.ts';
import { withLock } from '../host/lock.ts';
import { entryPath } from '../host/paths.ts';
import { O, S_IF, S_IFMT } from '../kernel/files.ts';
import { type Address, formatAddress, parseAddress } from './cidr.ts';
import { type NetworkDefinition, parseDefinition } from './definition.ts';
import { sharedNames } from './hosts-file.ts';
import { isNetworkName } from './names.ts';

/**
 * Files of the networks. A network belongs to the machine and not to one `--root`: two runtimes with different roots
 * must not give one address twice.
 */
export interface NetworkStore {
  readonly binding: Binding;
  /** One file `NAME.json` for each network; survives a reboot. */
  readonly definitions: string;
  /** `NAME/addresses/ADDRESS`, `NAME/next`, `pending/`: on a tmpfs, because a reboot removes the bridges too. */
  readonly state: string;
}

const suffix = '.json';
/** Longest wait for the lock. A command holds it for a few system calls. */
const lockTimeoutMs = 10_000;
/** Every hint has the same length: the file is overwritten, not truncated. */
const hintDigits = 12;

/** Returns the directories, or those below the directory in TSUBO_NETWORKS. */
export function networkStore(binding: Binding): NetworkStore {
  const chosen = binding.getenv('TSUBO_NETWORKS');
  if (chosen?.startsWith('/')) {
    return { binding, definitions: `${chosen}/definitions`, state: `${chosen}/state` };
  }
  return { binding, definitions: '/var/lib/tsubo/networks', state: '/run/tsubo-networks' };
}

/** Calls `work` while this process holds the lock of the networks. */
export function locked<T>({ binding, state }: NetworkStore, work: () => T): T {
  onHost(`unable to open ${state}`, () => makeDirectories(binding, state, 0o755));
  return withLock(binding, state, { what: 'the networks', timeoutMs: lockTimeoutMs }, work);
}

/**
 * Returns the definition of a network; undefined if there is none.
 *
 * @throws RuntimeError `network.damaged`, `state.untrusted`
 */
export function readDefinition(store: NetworkStore, name: string): NetworkDefinition | undefined {
  if (!isNetworkName(name)) return undefined;
  const path = entryPath(store.definitions, name + suffix);
  let text: string | undefined;
  try {
    text = store.binding.readTextIfThere(path, true);
  } catch (error) {
    if (!isSystemError(error) || error.errno !== errno.EPERM) throw error;
    throw new RuntimeError({
      code: 'state.untrusted',
      message: `the definition ${path} is owned by another user, or others may write to it`,
      path,
    });
  }
  if (text === undefined) return undefined;
  const definition = parseDefinition(text, name);
  if (typeof definition !== 'string') return definition;
  throw new RuntimeError({
    code: 'network.damaged',
    message: `the definition of network ${name} is damaged: ${definition}`,
    path,
    value: name,
    hint: `correct the file, or remove the network: tsubo network rm ${name}`,
  });
}

/** Returns the names of all definitions, also of damaged ones. */
export function definitionNames({ binding, definitions }: NetworkStore): string[] {
  const entries = onHost(`unable to read ${definitions}`, () =>
    unlessMissing(() => binding.readdir(definitions)),
  );
  return (entries ?? [])
    .filter(entry => entry.endsWith(suffix))
    .map(entry => entry.slice(0, -suffix.length))
    .filter(isNetworkName);
}

export interface Definitions {
  readonly networks: readonly NetworkDefinition[];
  /** For each definition that could not be read, the error; its `value` is the name if the file is damaged. */
  readonly damaged: readonly RuntimeError[];
}

/** Reads all definitions. A definition that cannot be read must not prevent work on the others. */
export function readDefinitions(store: NetworkStore): Definitions {
  const networks: NetworkDefinition[] = [];
  const damaged: RuntimeError[] = [];
  for (const name of definitionNames(store)) {
    try {
      const network = readDefinition(store, name);
      if (network !== undefined) networks.push(network);
    } catch (error) {
      damaged.push(toRuntimeError(error));
    }
  }
  return { networks, damaged };
}

/** Returns the names of all networks that have had a container since the machine started. */
export function networkNames({ binding, state }: NetworkStore): string[] {
  const entries = onHost(`unable to read ${state}`, () => unlessMissing(() => binding.readdir(state)));
  return (entries ?? []).filter(
    entry => isNetworkName(entry) && isDirectory(binding, entryPath(state, entry), true),
  );
}

/** Replaces the file as a whole. Precondition: the lock is held. */
export function writeDefinition({ binding, definitions }: NetworkStore, network: NetworkDefinition): void {
  const path = entryPath(definitions, network.name + suffix);
  onHost(`unable to write ${path}`, () => {
    makeDirectories(binding, definitions, 0o755);
    binding.replaceText(path, `${JSON.stringify(network, null, 2)}\n`, 0o644);
  });
}

/** Removes unfinished files of commands that were killed. Precondition: the lock is held, because writers hold it too. */
export function removeUnfinished({ binding, definitions }: NetworkStore): void {
  onHost(`unable to remove unfinished files in ${definitions}`, () => {
    for (const entry of unlessMissing(() => binding.readdir(definitions)) ?? []) {
      if (!entry.startsWith('.') || !entry.endsWith(suffix)) continue;
      unlessMissing(() => binding.unlink(entryPath(definitions, entry)));
    }
  });
}

/** Removes the definition and the running state. Precondition: the lock is held. */
export function removeNetworkFiles({ binding, definitions, state }: NetworkStore, name: string): void {
  const path = entryPath(definitions, name + suffix);
  onHost(`unable to remove ${path}`, () => unlessMissing(() => binding.unlink(path)));
  onHost(`unable to remove ${state}/${name}`, () => binding.removeTree(entryPath(state, name)));
}

// ---- addresses -----------------------------------------------------------------------------------------------------

function addressFile({ state }: NetworkStore, network: string, address: Address): string {
  return `${state}/${network}/addresses/${formatAddress(address)}`;
}

/** Returns the last assigned offset; 0 if there is none. Only a hint: the files of the addresses decide. */
export function lastOffset({ binding, state }: NetworkStore, network: string): bigint {
  const text = binding.readTextIfThere(`${state}/${network}/next`) ?? '';
  return /^\d{1,12}$/.test(text) ? BigInt(text) : 0n;
}

export function saveLastOffset({ binding, state }: NetworkStore, network: string, offset: bigint): void {
  const path = `${state}/${network}/next`;
  // If the write is interrupted, the wrong number costs only a longer search.
  onHost(`unable to write ${path}`, () =>
    binding.writeText(path, String(offset).padStart(hintDigits, '0'), O.O_CREAT, 0o644),
  );
}

/**
 * Takes an address for a container. Returns false if it is taken.
 *
 * @param owner - the container's state directory
 * @param names - of the container in this network
 */
export function claimAddress(
  store: NetworkStore,
  network: string,
  address: Address,
  owner: string,
  names: readonly string[],
): boolean {
  const { binding, state } = store;
  const path = addressFile(store, network, address);
  const write = () =>
    binding.writeText(path, [owner, ...sharedNames(names)].join('\n'), O.O_CREAT | O.O_EXCL, 0o644);
  const refusal = refusalOf(write);
  if (refusal === undefined) return true;
  if (refusal.errno === errno.EEXIST) return false;
  if (refusal.errno !== errno.ENOENT) {
    // A write to a full disk fails after the file was made.
    refusalOf(() => binding.unlink(path));
    return onHost(`unable to write ${path}`, () => {
      throw refusal;
    });
  }
  onHost(`unable to make ${state}/${network}`, () =>
    makeDirectories(binding, `${state}/${network}/addresses`, 0o755),
  );
  return claimAddress(store, network, address, owner, names);
}

/** Owner of an address; undefined if it is free. */
export function ownerOf(store: NetworkStore, network: string, address: Address): string | undefined {
  return linesOf(store, network, address)?.[0];
}

/** Returns the owner, then its names in the network. */
function linesOf(store: NetworkStore, network: string, address: Address): string[] | undefined {
  return store.binding.readTextIfThere(addressFile(store, network, address))?.split('\n');
}

/** Frees an address; returns false if it does not belong to this owner. Precondition: the lock is held. */
export function freeAddress(store: NetworkStore, network: string, address: Address, owner: string): boolean {
  if (ownerOf(store, network, address) !== owner) return false;
  const path = addressFile(store, network, address);
  onHost(`unable to remove ${path}`, () => unlessMissing(() => store.binding.unlink(path)));
  return true;
}

/** An entry among the addresses of a network. */
export interface TakenAddress {
  readonly address: Address;
  /** State directory of the container. */
  readonly owner: string;
  /** Names of the container in the network. */
  readonly names: readonly string[];
}

/** Returns all taken addresses of a network, and the paths of entries that are not addresses. */
export function takenAddresses(
  store: NetworkStore,
  network: string,
): { readonly taken: TakenAddress[]; readonly foreign: string[] } {
  const directory = `${store.state}/${network}/addresses`;
  const entries = onHost(`unable to read ${directory}`, () =>
    unlessMissing(() => store.binding.readdir(directory)),
  );
  const taken: TakenAddress[] = [];
  const foreign: string[] = [];
  for (const entry of entries ?? []) {
    const address = parseAddress(entry);
    const status = store.binding.stat(entryPath(directory, entry), true);
    if (status === undefined) continue;
    // A link is not followed: it may lead to a file of any size, or to a FIFO.
    const isFile = (status.mode & S_IFMT) === S_IF.S_IFREG;
    const [owner, ...names] = (isFile && address !== undefined && linesOf(store, network, address)) || [];
    if (address === undefined || owner === undefined || formatAddress(address) !== entry) {
      foreign.push(entryPath(directory, entry));
    } else taken.push({ address, owner, names: sharedNames(names) });
  }
  return { taken, foreign };
}

// SPDX-License-Identifier: Apache-2.0
import { parseJson } from '../bundle/json.ts';
import type { CgroupPlace } from '../cgroup/directory.ts';
import { isPopulated } from '../cgroup/freezer.ts';
import { childCgroups, processesOf } from '../cgroup/processes.ts';
import { RuntimeError } from '../errors/error.ts';
import { refusalOf } from '../errors/system.ts';
import type { Binding } from '../host/binding.d.ts';
import { unlessMissing } from '../host/files.ts';
import { entryPath, joinPath, lastComponent, resolvePath } from '../host/paths.ts';
import { readFacts } from '../host/read-facts.ts';
import { removeRdtGroup } from '../rdt/group.ts';
import { checkShape } from '../validate/check-shape.ts';
import { configShape } from '../validate/config-shape.ts';
import { validMembers } from './check-record.ts';
import { runPoststopHooks } from './hooks.ts';
import { unmountRoot } from './host-mounts.ts';
import { endInit, identify } from './init-process.ts';
import { removePlace } from './make-cgroup.ts';
import { freeAllAddresses } from './network-end.ts';
import { type ContainerRecord, files, type InitRecord } from './record.ts';
import type { Runtime } from './runtime.ts';
import { removeState, type StateLock } from './store.ts';
import { releaseUpper } from './upper-layer.ts';

/** Members of config.json that describe what the container used. Only their types are checked. */
interface Document {
  readonly root?: { readonly path?: unknown };
  readonly process?: { readonly args?: unknown };
  readonly hooks?: { readonly poststop?: unknown };
  readonly linux?: {
    readonly cgroupsPath?: unknown;
    readonly intelRdt?: unknown;
    readonly namespaces?: readonly { readonly type?: unknown }[];
  };
}

/** A container with a damaged record, and the facts that remain. */
interface Leftovers {
  readonly runtime: Runtime;
  readonly held: StateLock;
  readonly record: Partial<ContainerRecord>;
  readonly document: Document;
  /** Device and inode of the root file system, which is the root directory of the container's processes. */
  readonly root: string | undefined;
}

/**
 * Removes the remains of a container with a damaged record. It uses the sound members of the record, config.json, and
 * the processes that have the container's root or its FIFO. If something may belong to the container but this is not
 * certain, the state directory stays and the error names it.
 *
 * @param damage - the error from reading the record
 * @throws RuntimeError `state.damaged`, and as deleteContainer
 */
export function deleteDamaged(runtime: Runtime, held: StateLock, damage: RuntimeError): void {
  const { binding, log } = runtime;
  const leftovers = findLeftovers(runtime, held);
  const { record, document } = leftovers;
  log.warn(damage.message);
  const uncertain: string[] = [];
  const inits = [...(record.init === undefined ? [] : [record.init]), ...fifoHolders(leftovers)];
  for (const init of inits) endInit(runtime.binding, held.id, init);
  let found = inits.length > 0;
  for (const place of cgroupCandidates(leftovers)) {
    if (mayRemove(leftovers, place)) {
      found ||= isPopulated(binding, place.path);
      removePlace(binding, place, 'kill');
    } else
      uncertain.push(
        `the cgroup ${place.path} with ${processNames(binding, processesOf(binding, place.path))}`,
      );
  }
  if (!found) uncertain.push(...otherProcesses(leftovers));
  if (record.rdt !== undefined) removeRdtGroup(binding, record.rdt, true);
  else if (document.linux?.intelRdt !== undefined) log.warn('its class of service may remain');
  freeAllAddresses(runtime, held.directory);
  if (record.mountsBelow !== undefined && record.rootfs !== undefined) {
    unmountRoot(binding, record.rootfs, record.mountsBelow);
  } else if (document.linux?.namespaces?.every(({ type }) => type !== 'mount')) {
    log.warn('its mounts in the mount namespace of the runtime may remain');
  }
  if (uncertain.length > 0) {
    throw damage.with({
      message: `${damage.message}; not certain to belong to container ${held.id}: ${uncertain.join('; ')}`,
      hint: `end the processes and remove the objects of the container by hand, then repeat delete --force; if it has none, remove ${held.directory}`,
    });
  }
  releaseUpper(runtime, held.id, record.upper);
  removeState(runtime, held);
  const { id, bundle, hooks } = record;
  if (hooks !== undefined && id !== undefined && bundle !== undefined) {
    runPoststopHooks(runtime, { id, bundle, hooks, annotations: record.annotations ?? {} });
  } else if (document.hooks?.poststop !== undefined) log.warn('its poststop hooks were not run');
}

function findLeftovers(runtime: Runtime, held: StateLock): Leftovers {
  const { binding } = runtime;
  const text = (name: string): string => {
    let found: string | undefined;
    // The path may be another kind of file.
    refusalOf(() => {
      found = binding.readTextIfThere(entryPath(held.directory, name), true);
    });
    return found ?? '';
  };
  const damaged = text(files.record);
  const record = validMembers(damaged, held.id);
  const document = parsed(text(files.config));
  const path = document.root?.path;
  const rootfs =
    record.rootfs ??
    // A truncated state.json does not parse: search its text.
    /"rootfs":"(\/[^"\\]*)"/.exec(damaged)?.[1] ??
    (typeof path === 'string' && (path.startsWith('/') || record.bundle !== undefined)
      ? resolvePath(() => record.bundle ?? '/', path)
      : undefined);
  const root = rootfs === undefined ? undefined : directoryId(binding, rootfs);
  // If the container uses the host's root, the root directory does not distinguish its processes.
  return { runtime, held, record, document, root: root === directoryId(binding, '/') ? undefined : root };
}

function parsed(text: string): Document {
  try {
    // The values that have the right type: the file may be damaged too.
    return checkShape(configShape, parseJson(text), '').value as Document;
  } catch (error) {
    if (!(error instanceof RuntimeError)) throw error;
  }
  return {};
}

function directoryId(binding: Binding, path: string): string | undefined {
  let found: ReturnType<Binding['stat']>;
  refusalOf(() => {
    found = binding.stat(path);
  });
  return found && `${found.dev}:${found.ino}`;
}

/** Inits that wait for `start`: they have the container's FIFO open. */
function fifoHolders({ runtime: { binding }, held }: Leftovers): InitRecord[] {
  const fifo = entryPath(held.directory, files.startFifo);
  if (binding.stat(fifo) === undefined) return [];
  return processes(binding).flatMap(pid => {
    // Read the start time first: if the pid is reused afterwards, the new process has a later start time.
    const startTime = identify(binding, pid)?.startTime;
    return startTime !== undefined && hasOpen(binding, pid, fifo) ? [{ pid, startTime }] : [];
  });
}

function hasOpen(binding: Binding, pid: number, path: string): boolean {
  let found = false;
  // The calls fail for processes of other users and for processes that exit meanwhile.
  refusalOf(() => {
    for (const fd of binding.readdir(`/proc/${pid}/fd`)) {
      found ||= unlessMissing(() => binding.readlink(`/proc/${pid}/fd/${fd}`)) === path;
    }
  });
  return found;
}

function processes(binding: Binding): number[] {
  const own = binding.pid();
  return binding
    .readdir('/proc')
    .filter(name => /^\d+$/.test(name))
    .map(Number)
    .filter(pid => pid !== own);
}

/** Candidates for the container's cgroup: the recorded one; without it, matches of the path in config.json or of the id. */
function cgroupCandidates(leftovers: Leftovers): CgroupPlace[] {
  const { runtime, record } = leftovers;
  if (record.cgroup !== undefined) return [record.cgroup];
  const { layout, mountpoint } = readFacts(runtime.binding).cgroup;
  if (layout === 'none') return [];
  return cgroupPaths(leftovers, mountpoint).map(path => ({ root: mountpoint, path, made: [path] }));
}

/**
 * An empty cgroup may be removed. A populated one only if the record has a cgroup and an init, or if one of its
 * processes belongs to the container.
 */
function mayRemove(leftovers: Leftovers, { path }: CgroupPlace): boolean {
  const { runtime, record } = leftovers;
  if (record.cgroup !== undefined && record.init !== undefined) return true;
  if (!isPopulated(runtime.binding, path)) return true;
  return processesOf(runtime.binding, path).some(pid => isContainerProcess(leftovers, pid));
}

function cgroupPaths({ runtime: { binding }, held, document }: Leftovers, mountpoint: string): string[] {
  const requested = document.linux?.cgroupsPath;
  const path = typeof requested === 'string' && requested !== '' ? requested : held.id;
  if (path.startsWith('/') && !path.includes(':')) {
    const exact = joinPath(mountpoint, path);
    return exact !== mountpoint && binding.stat(exact) !== undefined ? [exact] : [];
  }
  // The path was relative to the cgroup of the runtime at create, or systemd chose it: search all cgroups.
  const [, prefix = '', unit = ''] = path.split(':');
  const suffix = unit === '' ? joinPath('/', path) : `/${prefix}-${unit}.scope`;
  const byId = `-${held.id}.scope`;
  const found: string[] = [];
  const search = (directory: string): void => {
    for (const child of childCgroups(binding, directory)) {
      if (child.endsWith(suffix) || lastComponent(child).endsWith(byId)) found.push(child);
      else search(child);
    }
  };
  search(mountpoint);
  return found;
}

function hasRoot({ runtime: { binding }, root }: Leftovers, pid: number): boolean {
  return root !== undefined && directoryId(binding, `/proc/${pid}/root/`) === root;
}

/**
 * Returns true if a process of a candidate cgroup has the container's root. If that root is not known, the command line
 * must be the config's.
 */
function isContainerProcess(leftovers: Leftovers, pid: number): boolean {
  if (leftovers.root !== undefined) return hasRoot(leftovers, pid);
  const { args } = leftovers.document.process ?? {};
  const commandLine = leftovers.runtime.binding.readTextIfThere(`/proc/${pid}/cmdline`) ?? '';
  return Array.isArray(args) && args.length > 0 && commandLine === args.map(arg => `${arg}\0`).join('');
}

/** Remaining processes with the container's root. They are only named, because another container may have the same root. */
function otherProcesses(leftovers: Leftovers): string[] {
  const { binding } = leftovers.runtime;
  if (leftovers.root === undefined) return [];
  const pids = processes(binding).filter(
    pid => hasRoot(leftovers, pid) && identify(binding, pid)?.alive === true,
  );
  return pids.length === 0 ? [] : [`${processNames(binding, pids)} with its root file system`];
}

const mostNamed = 4;

function processNames(binding: Binding, pids: readonly number[]): string {
  const names = pids.slice(0, mostNamed).map(pid => {
    const name = binding.readTextIfThere(`/proc/${pid}/comm`)?.trim();
    return name === undefined ? String(pid) : `${pid} (${name})`;
  });
  return `process ${names.join(', ')}${pids.length > mostNamed ? ', ...' : ''}`;
}

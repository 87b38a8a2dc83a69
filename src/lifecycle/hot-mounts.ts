// SPDX-License-Identifier: Apache-2.0
import { RuntimeError } from '../errors/error.ts';
import { resolvePath } from '../host/paths.ts';
import { readFacts } from '../host/read-facts.ts';
import type { Mount } from '../oci/config.ts';
import { namespaceFlags } from '../oci/namespaces.ts';
import { containerPath } from '../plan/context.ts';
import { type HotMountPlan, type MountedContainer, planHotMount, planUnmount } from '../plan/hot-mounts.ts';
import { isBind } from '../plan/mount-options.ts';
import { foreignNamespaces } from './exec.ts';
import { HostContext } from './host-context.ts';
import { withInit } from './init-process.ts';
import { type RecordedMount, readMounts, writeMounts } from './mount-list.ts';
import { performHostSteps } from './perform-host-steps.ts';
import type { ContainerRecord } from './record.ts';
import type { Runtime } from './runtime.ts';
import { type Source, withSourceLocation } from './source-location.ts';
import { spawnInit } from './spawn.ts';
import { requireStatus, statusOf } from './status.ts';
import { hold, notFound, readRecord, type StateLock, stateDirectory } from './store.ts';

/** A mount to add. */
export interface AddedMount {
  /** A path of the host, or a word for the file system; a relative path starts at the working directory. */
  readonly source: string;
  /** A path in the container. */
  readonly target: string;
  /** Type of a new file system. Default: the source is a file or a directory of the host. */
  readonly type?: string;
  /** As in config.json. */
  readonly options?: readonly string[];
}

/**
 * Adds a mount to a container that is created, running or paused. It ends with the container, or with `removeMount`.
 *
 * @throws RuntimeError `state.*`, `config.mount.*`, `config.unsupported`, `container.mount`, `host.*`
 */
export function addMount(runtime: Runtime, id: string, added: AddedMount): void {
  const { binding } = runtime;
  const { source, target, type, options = [] } = added;
  const bind = type === undefined || type === 'bind' || isBind({ options });
  const mount: Mount = {
    destination: target,
    ...(type !== undefined && { type }),
    source: bind ? resolvePath(() => binding.getcwd(), source) : source,
    options: bind && !isBind({ options }) ? ['bind', ...options] : options,
  };
  const shift = bind && !isBind({ options }) ? 1 : 0;
  withSourceLocation(
    pointer => argumentOf(pointer, options, shift),
    () =>
      inContainer(runtime, id, (held, record, container) => {
        if (target === '') {
          throw new RuntimeError({
            code: 'config.mount.destination',
            pointer: '/mounts/0/destination',
            message: 'the target of the mount is empty',
          });
        }
        if (source === '') {
          throw new RuntimeError({
            code: 'config.mount.source',
            pointer: '/mounts/0/source',
            message: 'the source of the mount is empty',
            hint: bind ? 'name a path of the host' : 'name a word for the file system, such as tmpfs',
          });
        }
        const path = containerPath(target);
        if (readMounts(runtime, held.directory).some(one => one.target === path)) {
          throw new RuntimeError({
            code: 'state.mount-exists',
            message: `a mount was added to container ${id} at ${JSON.stringify(path)} before`,
            path,
            hint: `tsubo mount rm ${id} ${path} removes it`,
          });
        }
        const plan = planHotMount(container, mount);
        const entry = {
          target: path,
          source: mount.source ?? '',
          type: bind ? 'bind' : (type ?? ''),
          options,
        };
        perform(runtime, { record, plan, pid: container.pid, lock: held, entry });
      }),
  );
}

/**
 * Removes a mount that `addMount` has added, with all mounts in it. Processes keep the files that they have open.
 *
 * @param force - removes it from the list also if the container has removed it
 * @throws RuntimeError `state.*`, `container.mount`, `host.*`
 */
export function removeMount(runtime: Runtime, id: string, target: string, force: boolean): void {
  inContainer(runtime, id, (held, record, container) => {
    const path = containerPath(target);
    const mounts = readMounts(runtime, held.directory);
    const found = mounts.find(one => one.target === path);
    if (found === undefined) {
      throw new RuntimeError({
        code: 'state.no-mount',
        message: `no mount was added to container ${id} at ${JSON.stringify(path)}`,
        path,
        hint: `tsubo mount ls ${id} shows the mounts that can be removed`,
      });
    }
    const plan = planUnmount(container, path, found.identity);
    try {
      perform(runtime, { record, plan, pid: container.pid, lock: held });
    } catch (error) {
      if (!force || !(error instanceof RuntimeError) || !isGone(error)) throw error;
    }
    writeMounts(
      runtime,
      held.directory,
      mounts.filter(one => one !== found),
    );
  });
}

/** Returns true if the container has removed the mount, or its mount point. */
function isGone({ code, errnoName }: RuntimeError): boolean {
  return code === 'state.mount-changed' || errnoName === 'ENOENT';
}

/** Returns the mounts that were added to a container, oldest first. */
export function listMounts(runtime: Runtime, id: string): readonly RecordedMount[] {
  readRecord(runtime, id);
  return readMounts(runtime, stateDirectory(runtime, id));
}

/** Calls `work` with the locked state of a container whose init runs. */
function inContainer(
  runtime: Runtime,
  id: string,
  work: (held: StateLock, record: ContainerRecord, container: MountedContainer) => void,
): void {
  const { binding } = runtime;
  readRecord(runtime, id);
  const held = hold(runtime, id);
  if (held === undefined) throw notFound(runtime, id);
  try {
    const record = readRecord(runtime, id);
    const status = statusOf(runtime, record, { held: true });
    requireStatus('mount', id, status);
    const { init } = record;
    const done =
      init &&
      withInit(binding, init, () => {
        const foreign = foreignNamespaces(runtime, init.pid);
        if ((foreign & namespaceFlags.mount) === 0) throw sharedNamespace(id);
        work(held, record, { pid: init.pid, foreign, facts: readFacts(binding) });
        return true;
      });
    if (done === undefined) requireStatus('mount', id, 'stopped');
  } finally {
    held.release();
  }
}

function sharedNamespace(id: string): RuntimeError {
  return new RuntimeError({
    code: 'state.no-mount-namespace',
    message: `container ${id} has the mount namespace of the runtime`,
    hint: 'mount with mount(8) below its root file system',
  });
}

interface Work {
  readonly record: ContainerRecord;
  readonly plan: HotMountPlan;
  readonly pid: number;
  readonly lock: StateLock;
  /** The mount that the plan adds, without its identity. */
  readonly entry?: Omit<RecordedMount, 'identity'>;
}

/** Executes the plan in a process of its own, which ends after its last step. */
function perform(runtime: Runtime, { record, plan, pid, lock, entry }: Work): void {
  const { binding } = runtime;
  const status = () => statusOf(runtime, record, { held: true });
  const context = new HostContext({
    runtime,
    plan,
    console: {},
    record,
    subject: { ...record, status, initPid: pid },
    startsNothing: true,
  });
  context.lock = lock;
  context.addedMount = entry;
  const joined = plan.joins === 0 ? undefined : binding.pidfdOpen(pid);
  try {
    const process = performHostSteps(context, () =>
      spawnInit(context, undefined, joined === undefined ? undefined : { pidfd: joined, kinds: plan.joins }),
    );
    // The end of its channel ends the process.
    context.closeChannel();
    binding.pidfdWait(process.pidfd, -1);
    binding.reap(process.pid);
    binding.close(process.pidfd);
  } finally {
    if (joined !== undefined) binding.close(joined);
  }
}

/** Returns the argument of the command that a place in the mount comes from. */
function argumentOf(pointer: string, options: readonly string[], shift: number): Source {
  const [, , , member = '', position = ''] = pointer.split('/');
  if (member === 'destination') return { option: 'TARGET' };
  if (member === 'source') return { option: 'SOURCE' };
  if (member === 'type') return { option: '--type' };
  if (member === 'options') return { option: options[Number(position) - shift] };
  return { option: undefined };
}

// SPDX-License-Identifier: Apache-2.0
import { parseJson } from '../bundle/json.ts';
import { isPaused, thaw } from '../cgroup/freezer.ts';
import { Criu, findCriu, type Notification } from '../criu/conversation.ts';
import type { CriuOptions, PathPair } from '../criu/messages.ts';
import { RuntimeError } from '../errors/error.ts';
import { onHost, refusalOf } from '../errors/system.ts';
import { isDirectory, makeDirectories, unlessMissing, withDirectory } from '../host/files.ts';
import { joinPath } from '../host/paths.ts';
import { readFacts } from '../host/read-facts.ts';
import { O } from '../kernel/files.ts';
import type { Config } from '../oci/config.ts';
import { makePlan } from '../plan/make-plan.ts';
import type { Plan } from '../plan/plan.ts';
import { requireConfig } from '../validate/check.ts';
import {
  asPair,
  criuError,
  externalNamespaces,
  hostMounts,
  type ImageOptions,
  imagePathOf,
  maskedPaths,
  nullDevice,
  openDirectories,
  requireCheckpointable,
  sharedOptions,
  unsupported,
} from './criu-options.ts';
import { deleteContainer } from './delete.ts';
import { readMounts } from './mount-list.ts';
import { type ContainerRecord, files, type InitRecord } from './record.ts';
import type { Runtime } from './runtime.ts';
import { withSourceLocation } from './source-location.ts';
import { requireStatus, statusOf } from './status.ts';
import { hold, notFound, readRecord } from './store.ts';

export interface CheckpointOptions extends ImageOptions {
  /** Image of an earlier `preDump`, relative to `imagePath`. Default: none. */
  readonly parentPath?: string;
  /** The container continues. Default false: it is deleted. */
  readonly leaveRunning?: boolean;
  /** Copies only the memory, and the container continues. Default false. */
  readonly preDump?: boolean;
  /** Omits TCP connections that are not yet accepted. Default false. */
  readonly tcpSkipInFlight?: boolean;
  /** Links unlinked files again, under temporary names. Default false. */
  readonly linkRemap?: boolean;
  /** The page server that receives the memory or, with `lazyPages`, serves it. Default: none. */
  readonly pageServer?: { readonly address: string; readonly port: number };
  /** Descriptor that gets a null byte when the memory can be fetched (`lazyPages`), and is closed. Default: none. */
  readonly statusFd?: number;
}

/** Name of the file with the streams of the container, as in runc's images. */
export const descriptorsFile = 'descriptors.json';

/**
 * Writes the processes of a running or paused container to files with criu. The container is deleted then, unless it is
 * to continue. After a failure it continues as before.
 *
 * @throws RuntimeError `checkpoint.no-criu`, `checkpoint.failed`, `state.not-found`, `state.not-running`, `state.busy`,
 *   `host.unsupported`, `usage.bad-value`, `host.syscall`
 */
export function checkpointContainer(runtime: Runtime, id: string, options: CheckpointOptions = {}): void {
  const { binding } = runtime;
  requireStatus('checkpoint', id, statusOf(runtime, readRecord(runtime, id), { held: false }));
  const criu = findCriu(binding);
  const image = imagePathOf(binding, options);
  onHost(`unable to make ${image}`, () => makeDirectories(binding, image, 0o700));
  requireParent(runtime, image, options.parentPath);
  const held = hold(runtime, id);
  if (held === undefined) throw notFound(runtime, id);
  try {
    const record = readRecord(runtime, id);
    requireStatus('checkpoint', id, statusOf(runtime, record, { held: true }));
    dump(runtime, record as ContainerRecord & { init: InitRecord }, {
      criu,
      image,
      options,
      directory: held.directory,
    });
  } finally {
    held.release();
  }
  if (options.leaveRunning !== true && options.preDump !== true)
    deleteContainer(runtime, id, { force: true });
}

interface Dump {
  readonly criu: string;
  readonly image: string;
  readonly options: CheckpointOptions;
  readonly directory: string;
}

function dump(runtime: Runtime, record: ContainerRecord & { readonly init: InitRecord }, work: Dump): void {
  const { binding, log } = runtime;
  const { options, image } = work;
  const { config, plan } = storedPlan(runtime, record, work.directory);
  const directories = openDirectories(binding, image, options, 'dump.log');
  const cgroup = record.cgroup?.path;
  const paused = cgroup !== undefined && isPaused(binding, cgroup);
  try {
    const criuOptions: CriuOptions = {
      ...directories.options,
      ...sharedOptions(options, config),
      ...dumpOptions(options),
      pid: record.init.pid,
      root: record.rootfs,
      external: externalNamespaces(config).map(({ type, path, key }) => {
        const status = onHost(`unable to read ${path}`, () => binding.stat(path));
        return `${type}[${status?.ino ?? 0}]:${key}`;
      }),
      ...(cgroup !== undefined && { freezeCgroup: cgroup }),
      ...(options.preDump !== true && { externalMounts: dumpedMounts(runtime, record, plan) }),
    };
    if (options.preDump !== true) writeDescriptors(runtime, image, record.init.pid);
    const criu = new Criu(binding, work.criu, { fds: [], mountpoint: '', keyring: '' });
    try {
      criu.perform(
        { type: options.preDump === true ? 'preDump' : 'dump', options: criuOptions },
        notification => onNotify(runtime, notification, options),
        response =>
          criuError(runtime, `unable to checkpoint container ${record.id}`, directories.log, response),
      );
    } finally {
      criu.end();
    }
    log.debug(`container ${record.id} is in ${image}`);
  } catch (error) {
    // If criu was killed, the cgroup is still frozen.
    if (cgroup !== undefined && !paused) refusalOf(() => thaw(binding, cgroup));
    throw error;
  } finally {
    directories.close();
  }
}

function dumpOptions(options: CheckpointOptions): Partial<CriuOptions> {
  const { leaveRunning, tcpSkipInFlight, linkRemap, pageServer, parentPath } = options;
  return {
    ...(leaveRunning === true && { leaveRunning }),
    ...(tcpSkipInFlight === true && { tcpSkipInFlight }),
    ...(linkRemap === true && { linkRemap }),
    ...(pageServer !== undefined && { pageServer }),
    // The memory is only written if it has changed since the parent's image.
    ...(parentPath !== undefined && parentPath !== '' && { parentImage: parentPath, trackMemory: true }),
    ...(options.preDump === true && { trackMemory: true }),
  };
}

/** Returns the container's config and plan, from the copy of config.json that create has stored. */
function storedPlan(
  runtime: Runtime,
  record: ContainerRecord,
  directory: string,
): { readonly config: Config; readonly plan: Plan } {
  const { binding } = runtime;
  if (record.network !== undefined) {
    throw unsupported(
      '',
      `container ${record.id} cannot be checkpointed: tsubo has attached it to a network`,
      'use a network namespace that another program has made: linux.namespaces[].path',
    );
  }
  if (readMounts(runtime, directory).length > 0) {
    throw unsupported(
      '',
      `container ${record.id} cannot be checkpointed: mounts were added to it while it ran`,
      `tsubo mount ls ${record.id} lists them; remove them with tsubo mount rm`,
    );
  }
  const path = joinPath(directory, files.config);
  const text = onHost(`unable to read ${path}`, () => binding.readText(path));
  return withSourceLocation(text, () => {
    const { config } = requireConfig(parseJson(text), { processOptional: true });
    const plan = makePlan(config, readFacts(binding), {
      id: record.id,
      bundle: record.bundle,
      startNow: true,
    });
    requireCheckpointable(plan);
    return { config, plan };
  });
}

/** Returns the mounts that criu must not read, with their names in the image. */
function dumpedMounts(
  { binding }: Runtime,
  record: ContainerRecord & { readonly init: InitRecord },
  plan: Plan,
): PathPair[] {
  return withDirectory(binding, `/proc/${record.init.pid}/root`, root => {
    const found = (path: string): { readonly path: string; readonly directory: boolean } | undefined => {
      const fd = unlessMissing(() => binding.openInRoot(root, path, O.O_PATH | O.O_CLOEXEC, 0));
      if (fd === undefined) return undefined;
      try {
        const link = `/proc/self/fd/${fd}`;
        return { path: binding.readlink(link), directory: isDirectory(binding, link) };
      } finally {
        binding.close(fd);
      }
    };
    const mounts = hostMounts(plan, record.rootfs).flatMap(({ target }): PathPair[] => {
      // criu compares the place of the mount, which a symbolic link in the path has moved.
      const place = found(target);
      return place === undefined ? [] : [asPair({ target: place.path, source: target })];
    });
    // A masked file is a mount of the container's null device. criu makes it again unless that device is the host's: a
    // device of the host must not get into a container that had none.
    const masks = hasHostNull(plan) ? maskedPaths(plan) : [];
    const masked = masks.flatMap((path): PathPair[] => {
      const place = found(path);
      // A masked directory is a file system of its own, which criu makes.
      return place === undefined || place.directory ? [] : [asPair({ target: path, source: nullDevice })];
    });
    return [...mounts, ...masked];
  });
}

/**
 * Returns true if the null device of the container is that of the host: its /dev, or the device in a user namespace.
 */
function hasHostNull({ container }: Plan): boolean {
  return container.some(
    step =>
      (step.op === 'bind' && (step.target === '/dev' || step.target === nullDevice)) ||
      (step.op === 'bindDevice' && step.path === nullDevice),
  );
}

/** Writes the names of the standard streams. A restore replaces streams that are pipes by those of the runtime. */
function writeDescriptors({ binding }: Runtime, image: string, pid: number): void {
  const names = [0, 1, 2].map(fd => unlessMissing(() => binding.readlink(`/proc/${pid}/fd/${fd}`)) ?? 'null');
  const path = joinPath(image, descriptorsFile);
  onHost(`unable to write ${path}`, () => binding.replaceText(path, JSON.stringify(names), 0o600));
}

function onNotify({ binding }: Runtime, { script, fd }: Notification, { statusFd }: CheckpointOptions): void {
  if (fd !== undefined) binding.close(fd);
  if (script !== 'status-ready' || statusFd === undefined || statusFd < 0) return;
  binding.write(statusFd, '\0');
  binding.close(statusFd);
}

/** @throws RuntimeError `usage.bad-value` */
function requireParent({ binding }: Runtime, image: string, parent: string | undefined): void {
  if (parent === undefined || parent === '') return;
  const refused = (message: string): RuntimeError =>
    new RuntimeError({
      code: 'usage.bad-value',
      message,
      value: parent,
      hint: 'name the directory of an earlier checkpoint --pre-dump, relative to that of --image-path',
    });
  if (parent.startsWith('/')) throw refused('--parent-path must be relative');
  const path = joinPath(image, parent);
  if (!isDirectory(binding, path)) throw refused(`invalid --parent-path: ${path} is not a directory`);
}

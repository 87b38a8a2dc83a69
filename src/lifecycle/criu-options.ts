// SPDX-License-Identifier: Apache-2.0
import { causeInLog, criuFailure } from '../criu/conversation.ts';
import {
  type CriuOptions,
  type CriuResponse,
  cgroupModes,
  networkLocks,
  type PathPair,
} from '../criu/messages.ts';
import { RuntimeError } from '../errors/error.ts';
import { onHost, refusalOf } from '../errors/system.ts';
import type { Binding } from '../host/binding.d.ts';
import { isDirectory, makeDirectories } from '../host/files.ts';
import { joinPath, resolvePath } from '../host/paths.ts';
import { O } from '../kernel/files.ts';
import type { Config } from '../oci/config.ts';
import { namespaceFlags } from '../oci/namespaces.ts';
import type { Plan } from '../plan/plan.ts';
import type { Runtime } from './runtime.ts';

/** Options that `checkpoint` and `restore` share. */
export interface ImageOptions {
  /** Directory of the image files; relative to the working directory. Default `checkpoint`. */
  readonly imagePath?: string;
  /** Directory of the log and other files of the work; relative to the working directory. Default: that of the image. */
  readonly workPath?: string;
  /** Established TCP connections are part of the image. Default false: they are refused. */
  readonly tcpEstablished?: boolean;
  /** Unix sockets whose other end is outside of the container are part of the image. Default false. */
  readonly extUnixSk?: boolean;
  /** The container's session and terminal may belong to a process outside. Default false. */
  readonly shellJob?: boolean;
  /** Locks of files are part of the image. Default false: they are refused. */
  readonly fileLocks?: boolean;
  /** A page server sends each page of memory at its first use. Default false. */
  readonly lazyPages?: boolean;
  /** Pages that a later image replaces are removed from the earlier image. Default false. */
  readonly autoDedup?: boolean;
  /** The part of the cgroups that criu restores. Default `ignore`: the runtime itself makes the container's cgroup. */
  readonly manageCgroupsMode?: keyof typeof cgroupModes;
  /** The mechanism that blocks connections meanwhile. Default: that of criu's configuration. */
  readonly networkLock?: keyof typeof networkLocks;
}

/** The open directories of one operation. */
export interface ImageDirectories {
  /** Absolute. */
  readonly image: string;
  /** Absolute path of the log of criu. */
  readonly log: string;
  readonly options: Pick<CriuOptions, 'imagesDirFd' | 'workDirFd' | 'logFile' | 'logLevel'>;
  close(): void;
}

const defaultImagePath = 'checkpoint';

/** Absolute path of the image. */
export function imagePathOf(binding: Binding, { imagePath }: ImageOptions): string {
  return resolvePath(() => binding.getcwd(), imagePath || defaultImagePath);
}

/** Opens the directories; that of the work is made if it is missing. */
export function openDirectories(
  binding: Binding,
  image: string,
  { workPath }: ImageOptions,
  logFile: string,
): ImageDirectories {
  const opened: number[] = [];
  const open = (path: string): number => {
    const fd = onHost(`unable to open ${path}`, () => binding.open(path, O.O_RDONLY | O.O_CLOEXEC, 0));
    opened.push(fd);
    return fd;
  };
  const close = (): void => {
    for (const fd of opened.splice(0)) binding.close(fd);
  };
  try {
    const imagesDirFd = open(image);
    if (workPath === undefined || workPath === '') {
      return { image, log: joinPath(image, logFile), options: { imagesDirFd, logFile, logLevel: 4 }, close };
    }
    const work = resolvePath(() => binding.getcwd(), workPath);
    onHost(`unable to make ${work}`, () => makeDirectories(binding, work, 0o700));
    const workDirFd = open(work);
    const options = { imagesDirFd, workDirFd, logFile, logLevel: 4 };
    return { image, log: joinPath(work, logFile), options, close };
  } catch (error) {
    close();
    throw error;
  }
}

/** Returns the options that criu gets for both operations. */
export function sharedOptions(options: ImageOptions, config: Config): Partial<CriuOptions> {
  const { tcpEstablished, extUnixSk, shellJob, fileLocks, lazyPages, autoDedup, networkLock } = options;
  return {
    notifyScripts: true,
    orphanTerminals: true,
    manageCgroups: true,
    manageCgroupsMode: cgroupModes[options.manageCgroupsMode ?? 'ignore'],
    ...(tcpEstablished === true && { tcpEstablished }),
    ...(extUnixSk === true && { extUnixSk }),
    ...(shellJob === true && { shellJob }),
    ...(fileLocks === true && { fileLocks }),
    ...(lazyPages === true && { lazyPages }),
    ...(autoDedup === true && { autoDedup }),
    ...(networkLock !== undefined && { networkLock: networkLocks[networkLock] }),
    // The devices, addresses and routes of a network namespace are not part of an image, like in runc.
    emptyNamespaces: namespaceFlags.network,
    ...configFile(config),
  };
}

/** Returns the configuration file of criu from an annotation, like runc; an empty annotation means no file. */
function configFile({ annotations }: Config): Partial<CriuOptions> {
  const named = annotations?.['org.criu.config'];
  if (named === '') return {};
  return { configFile: named ?? '/etc/criu/runc.conf' };
}

/** A mount of a file or directory of the host: an image contains its path and not its content. */
export interface HostMount {
  /** Path in the container, which is the name in the image. */
  readonly target: string;
  /** Path of the host. */
  readonly source: string;
}

/** Returns the mounts of a plan that criu does not make, in the order in which they were made. */
export function hostMounts({ container }: Plan, rootfs: string): HostMount[] {
  return container.flatMap((step): HostMount[] => {
    switch (step.op) {
      case 'bind':
        return [{ target: step.target, source: step.inRoot ? joinPath(rootfs, step.source) : step.source }];
      case 'bindDevice':
      case 'makeDevice':
        return [{ target: step.path, source: step.path }];
      default:
        return [];
    }
  });
}

/** Returns the masked paths of a plan. */
export function maskedPaths({ container }: Plan): string[] {
  return container.flatMap(step => (step.op === 'maskPath' ? [step.path] : []));
}

/** The file that the masked files show; the name in the image is that of runc. */
export const nullDevice = '/dev/null';

export function asPair({ target, source }: HostMount): PathPair {
  return { key: target, val: source };
}

/**
 * Returns the namespaces that config.json joins by path, which criu does not restore, with their names in the image.
 */
export function externalNamespaces(
  config: Config,
): { readonly type: string; readonly path: string; readonly key: string }[] {
  return (config.linux?.namespaces ?? []).flatMap(({ type, path }) => {
    const key = type === 'network' ? 'extRootNetNS' : type === 'pid' ? 'extRootPidNS' : undefined;
    if (key === undefined || path === undefined || path === '') return [];
    return [{ type: type === 'network' ? 'net' : 'pid', path, key }];
  });
}

/**
 * Refuses a container if an image by criu could not restore all of its properties.
 *
 * @throws RuntimeError `host.unsupported`
 */
export function requireCheckpointable(plan: Plan): void {
  for (const step of plan.container) {
    if (step.op === 'mountRoot') {
      throw unsupported(step.origin, 'a container whose root is made of layers cannot be checkpointed');
    }
    if (step.op === 'restrictAccess') {
      throw unsupported(
        step.origin,
        'a container with Landlock rules cannot be checkpointed: criu drops them',
      );
    }
  }
  for (const step of plan.host) {
    if (step.op === 'mapTree' || (step.op === 'cloneTree' && step.idmap !== undefined)) {
      throw unsupported(step.origin, 'a container with id-mapped mounts cannot be checkpointed');
    }
    if (step.op === 'makeVeth' || step.op === 'reservePorts' || step.op === 'connectNetwork') {
      throw unsupported(
        step.origin,
        'a container that tsubo has attached to a network cannot be checkpointed',
        'use a network namespace that another program has made: linux.namespaces[].path',
      );
    }
  }
}

export function unsupported(pointer: string, message: string, hint?: string): RuntimeError {
  return new RuntimeError({
    code: 'host.unsupported',
    pointer,
    message,
    ...(hint !== undefined && { hint }),
  });
}

/** @throws RuntimeError `checkpoint.bad-image` */
export function requireImage(binding: Binding, image: string): void {
  if (isDirectory(binding, image) && binding.stat(joinPath(image, 'inventory.img')) !== undefined) return;
  throw new RuntimeError({
    code: 'checkpoint.bad-image',
    message: `${image} contains no checkpoint: it has no file inventory.img`,
    path: image,
    hint: 'name the directory that was given to checkpoint with --image-path',
  });
}

/** Returns the error for a failed request, with the cause from the log. */
export function criuError(
  { binding }: Runtime,
  attempt: string,
  log: string,
  response: CriuResponse | undefined,
): RuntimeError {
  let text: string | undefined;
  // Without a log the response alone is the cause.
  refusalOf(() => {
    text = binding.readTextIfThere(log);
  });
  return criuFailure(attempt, log, response, causeInLog(text ?? ''));
}

// SPDX-License-Identifier: Apache-2.0
import { Criu, findCriu, type Notification } from '../criu/conversation.ts';
import type { CriuOptions, PathPair } from '../criu/messages.ts';
import { RuntimeError } from '../errors/error.ts';
import { onHost, refusalOf } from '../errors/system.ts';
import { unlessMissing } from '../host/files.ts';
import { joinPath, resolvePath } from '../host/paths.ts';
import { O } from '../kernel/files.ts';
import { namespaceFiles, namespaceFlags } from '../oci/namespaces.ts';
import type { HostOperationName, HostStep, Plan } from '../plan/plan.ts';
import { descriptorsFile } from './checkpoint.ts';
import { openConsole, passTerminal, resolveSocket } from './console.ts';
import {
  asPair,
  criuError,
  externalNamespaces,
  hostMounts,
  type ImageDirectories,
  type ImageOptions,
  imagePathOf,
  nullDevice,
  openDirectories,
  requireCheckpointable,
  requireImage,
  sharedOptions,
  unsupported,
} from './criu-options.ts';
import { deleteContainer } from './delete.ts';
import { HostContext } from './host-context.ts';
import { checkId } from './ids.ts';
import { identify, killAndWait } from './init-process.ts';
import { perform, performOperation } from './perform-host-steps.ts';
import { type Prepared, prepare } from './prepare.ts';
import type { ContainerRecord, InitRecord } from './record.ts';
import { makeMountPoints } from './restore-mounts.ts';
import type { Runtime } from './runtime.ts';
import { withSourceLocation } from './source-location.ts';
import { type Terminals, waitInForeground } from './terminals.ts';
import { warnOf } from './warnings.ts';

export interface RestoreOptions extends ImageOptions {
  readonly id: string;
  /** The bundle directory; relative to the working directory. */
  readonly bundle: string;
  /** Returns when the container runs, instead of waiting for its exit. Default false. */
  readonly detach?: boolean;
  /** File that gets the init's pid; relative to the working directory. Default: none. */
  readonly pidFile?: string;
  /** See CreateOptions. */
  readonly consoleSocket?: string;
  /** The runtime does not become a subreaper. Default false. */
  readonly noSubreaper?: boolean;
  /** Profile of a security module in the form `TYPE:NAME`. Default: that of the image. */
  readonly lsmProfile?: string;
  /** SELinux label of the mounts. Default: that of the image. */
  readonly lsmMountContext?: string;
}

/** A restored container, which runs. */
export interface Restored {
  readonly record: ContainerRecord;
  readonly init: InitRecord;
  /** pidfd of the init, a child of this process; the caller closes it. */
  readonly pidfd: number;
  readonly terminals?: Terminals;
}

/** The steps of the host that the runtime performs for a restored container; criu performs all others. */
const operations: ReadonlySet<HostOperationName> = new Set<HostOperationName>([
  'makeState',
  'saveRecord',
  'makeRdtGroup',
  'makeCgroup',
  'startUnit',
  'writeCgroup',
  'delegateCgroup',
  'loadDeviceRules',
  'saveExecData',
  'joinRdtGroup',
  'runHook',
  'attachDeviceRules',
  'saveInit',
  'writePidFile',
]);

function isNeeded({ op, when }: HostStep): boolean {
  return operations.has(op) && when !== 'poststart' && when !== 'poststop';
}

/**
 * Restores a container from the files of a checkpoint. Unless detached, waits for its exit and deletes it.
 *
 * @returns the exit status: 0 if detached, otherwise the program's, or 128 plus the number of the signal that ended it
 * @throws RuntimeError as startRestored; nothing of the container is left then
 */
export function restoreContainer(runtime: Runtime, options: RestoreOptions): number {
  const { binding } = runtime;
  const foreground = options.detach !== true;
  // Catch signals before the restore: a signal must not end the runtime and leave the container behind.
  if (foreground) binding.catchSignals(options.noSubreaper !== true);
  const { init, pidfd, terminals } = startRestored(runtime, options);
  let status = 0;
  try {
    if (foreground) status = waitInForeground(binding, init.pid, pidfd, terminals);
  } finally {
    binding.close(pidfd);
    terminals?.close();
  }
  if (foreground) deleteContainer(runtime, options.id, { force: true, ended: init });
  return status;
}

/**
 * Restores a container, and returns when its processes run. If it fails, all changes are undone.
 *
 * @throws RuntimeError `checkpoint.no-criu`, `checkpoint.bad-image`, `checkpoint.failed`, `host.unsupported`, and as
 *   createContainer
 */
export function startRestored(runtime: Runtime, options: RestoreOptions): Restored {
  const { binding, log } = runtime;
  checkId(options.id);
  const pidFile =
    options.pidFile === undefined ? undefined : resolvePath(() => binding.getcwd(), options.pidFile);
  const consoleSocket = resolveSocket(binding, options.consoleSocket);
  const criu = findCriu(binding);
  const image = imagePathOf(binding, options);
  requireImage(binding, image);
  const directories = openDirectories(binding, image, options, 'restore.log');
  try {
    const prepared = prepare(runtime, { id: options.id, bundle: options.bundle, pidFile, startNow: true });
    return withSourceLocation(prepared.sources, () => {
      requireCheckpointable(prepared.plan);
      const { config, bundle, plan } = prepared;
      const console = openConsole(runtime, config.process, {
        socket: consoleSocket,
        foreground: options.detach !== true,
        pointer: '/process/terminal',
      });
      const { terminals } = console;
      const context = new HostContext({
        runtime,
        plan: { ...plan, host: plan.host.filter(isNeeded) },
        config,
        console,
        container: { id: options.id, prepared, noNewKeyring: false },
        subject: {
          id: options.id,
          bundle: bundle.path,
          ...(config.annotations !== undefined && { annotations: config.annotations }),
          status: () => 'creating',
        },
      });
      if (terminals !== undefined) context.undo.arm('the terminal', () => terminals.close());
      warnOf(runtime, prepared.warnings);
      try {
        perform(context, 'before');
        perform(context, 'after');
        new Restore(context, prepared, options, directories).run(criu);
        context.undo.disarm();
      } catch (error) {
        throw context.undo.fail(error);
      } finally {
        context.end();
      }
      context.lock?.release();
      const { pid, pidfd } = context.init;
      log.debug(`container ${options.id} is restored, its init is process ${pid}`);
      return {
        record: context.record,
        init: { pid, startTime: context.startTime as number },
        pidfd,
        ...(terminals !== undefined && { terminals }),
      };
    });
  } finally {
    directories.close();
  }
}

/** One conversation with criu. */
class Restore {
  readonly #context: HostContext;
  readonly #prepared: Prepared;
  readonly #options: RestoreOptions;
  readonly #directories: ImageDirectories;
  readonly #runtime: Runtime;
  readonly #fds: number[] = [];

  constructor(
    context: HostContext,
    prepared: Prepared,
    options: RestoreOptions,
    directories: ImageDirectories,
  ) {
    this.#context = context;
    this.#prepared = prepared;
    this.#options = options;
    this.#directories = directories;
    this.#runtime = context.runtime;
  }

  run(path: string): void {
    const { binding } = this.#runtime;
    const mountpoint = joinPath(this.#context.stateDirectory, 'criu-root');
    onHost(`unable to make ${mountpoint}`, () => binding.mkdir(mountpoint, 0o755));
    try {
      makeMountPoints(binding, this.#prepared.plan, this.#prepared.rootfs, mountpoint);
      const inherited = this.#inheritedFds();
      const criu = this.#start(path, mountpoint);
      try {
        this.#enterGroups(criu);
        criu.perform(
          { type: 'restore', options: this.#criuOptions(mountpoint, inherited, criu.pid) },
          notification => this.#onNotify(notification),
          response =>
            criuError(
              this.#runtime,
              `unable to restore container ${this.#options.id}`,
              this.#directories.log,
              response,
            ),
        );
      } finally {
        criu.end();
      }
      performOperation(this.#context, 'writePidFile');
    } finally {
      for (const fd of this.#fds.splice(0)) binding.close(fd);
    }
    refusalOf(() => binding.rmdir(mountpoint));
  }

  /**
   * Starts criu. It enters the cgroup of the container, which the restored processes inherit; the cgroup of a unit is
   * entered in #enterGroups.
   */
  #start(path: string, mountpoint: string): Criu {
    const { binding } = this.#runtime;
    const { cgroup } = this.#context.record;
    const opened: number[] = [];
    try {
      const tree = this.#cloneRoot(opened);
      let procs: number | undefined;
      if (cgroup !== undefined && cgroup.unit === undefined) {
        const file = joinPath(cgroup.path, 'cgroup.procs');
        procs = onHost(`unable to open ${file}`, () => binding.open(file, O.O_RDWR | O.O_CLOEXEC, 0));
        opened.push(procs);
      }
      const keyring = this.#prepared.plan.container.find(({ op }) => op === 'joinSessionKeyring');
      return new Criu(binding, path, {
        fds: this.#fds,
        tree,
        mountpoint,
        keyring: keyring?.op === 'joinSessionKeyring' ? keyring.name : '',
        ...(procs !== undefined && { cgroup: procs }),
      });
    } finally {
      for (const fd of opened) binding.close(fd);
    }
  }

  /** Returns a clone of the root: criu needs a root mount whose parent has no mount over it. */
  #cloneRoot(opened: number[]): number {
    const { binding } = this.#runtime;
    const { rootfs } = this.#prepared;
    const open = (path: string): number => {
      const fd = binding.open(path, O.O_RDONLY | O.O_CLOEXEC, 0);
      opened.push(fd);
      return fd;
    };
    return onHost(`unable to clone the mount of ${rootfs}`, () => {
      const [tree] = binding.cloneTrees({
        mountNamespace: open('/proc/self/ns/mnt'),
        root: open('/'),
        paths: [rootfs],
        recursive: [true],
      });
      if (tree === undefined) throw new RuntimeError({ code: 'internal', message: 'no clone of the root' });
      opened.push(tree);
      return tree;
    });
  }

  /** Moves criu into the groups that the restored processes inherit. systemd makes the cgroup of a unit for an existing process. */
  #enterGroups({ pid, pidfd }: Criu): void {
    this.#context.spawned = { pid, pidfd, channel: -1 };
    try {
      perform(this.#context, 'cgroup');
      performOperation(this.#context, 'joinRdtGroup');
    } finally {
      this.#context.spawned = undefined;
    }
  }

  #criuOptions(
    root: string,
    inherited: NonNullable<CriuOptions['inheritedFds']>,
    criuPid: number,
  ): CriuOptions {
    const { config, plan, rootfs } = this.#prepared;
    const { lsmProfile, lsmMountContext, manageCgroupsMode = 'ignore' } = this.#options;
    return {
      ...this.#directories.options,
      ...sharedOptions(this.#options, config),
      evasiveDevices: true,
      restoreSibling: true,
      root,
      externalMounts: restoredMounts(plan, rootfs),
      inheritedFds: inherited,
      joinNamespaces: joinedNamespaces(this.#prepared),
      ...(manageCgroupsMode !== 'ignore' && { cgroupRoots: this.#cgroupRoots(criuPid) }),
      ...(lsmProfile !== undefined && { lsmProfile }),
      ...(lsmMountContext !== undefined && { lsmMountContext }),
    };
  }

  /** Returns the cgroups of criu, which replace those of the image. */
  #cgroupRoots(pid: number): NonNullable<CriuOptions['cgroupRoots']> {
    const path = `/proc/${pid}/cgroup`;
    const text = onHost(`unable to read ${path}`, () => this.#runtime.binding.readText(path));
    return text
      .split('\n')
      .filter(line => line !== '')
      .map(line => {
        const [, ctrl = '', ...rest] = line.split(':');
        return { ctrl, path: rest.join(':') };
      });
  }

  /** Opens the namespaces that are not in the image, and returns their descriptors and those of the pipes. */
  #inheritedFds(): NonNullable<CriuOptions['inheritedFds']> {
    const { binding } = this.#runtime;
    // Descriptor 3 of criu is the socket.
    const namespaces = externalNamespaces(this.#prepared.config).map(({ path, key }) => {
      const fd = onHost(`unable to open the namespace ${path}`, () =>
        binding.open(path, O.O_RDONLY | O.O_CLOEXEC, 0),
      );
      this.#fds.push(fd);
      return { key, fd: 3 + this.#fds.length };
    });
    const pipes = this.#streams().flatMap((name, fd) => (name.includes('pipe:') ? [{ key: name, fd }] : []));
    return [...namespaces, ...pipes];
  }

  #streams(): string[] {
    const { binding } = this.#runtime;
    const path = joinPath(this.#directories.image, descriptorsFile);
    const text = onHost(`unable to read ${path}`, () => unlessMissing(() => binding.readText(path)));
    let names: unknown;
    try {
      names = JSON.parse(text ?? '');
    } catch {
      names = undefined;
    }
    if (Array.isArray(names) && names.every(name => typeof name === 'string')) return names.slice(0, 3);
    throw new RuntimeError({
      code: 'checkpoint.bad-image',
      message: text === undefined ? `${path} is missing` : `${path} is not a list of names`,
      path,
      hint: 'checkpoint writes the file; the image of a --pre-dump cannot be restored',
    });
  }

  #onNotify({ script, pid, fd }: Notification): void {
    const context = this.#context;
    if (fd !== undefined) {
      const { socket, terminals, callers } = context.console;
      const wanted = socket !== undefined || terminals !== undefined || callers !== undefined;
      if (script === 'orphan-pts-master' && wanted) passTerminal(context, fd);
      else this.#runtime.binding.close(fd);
    }
    if (script === 'setup-namespaces' && pid !== undefined) {
      this.#adopt(pid);
      this.#raiseLoopback(pid);
      performOperation(context, 'runHook');
    }
    if (script === 'post-restore') {
      if (pid !== undefined && context.spawned === undefined) this.#adopt(pid);
      // The processes are complete and do not run yet.
      performOperation(context, 'attachDeviceRules');
    }
  }

  /**
   * Records the init as soon as it exists, because `delete --force` must be able to kill it if the runtime is killed.
   */
  #adopt(pid: number): void {
    const { binding } = this.#runtime;
    const context = this.#context;
    const pidfd = binding.pidfdOpen(pid);
    const startTime = identify(binding, pid)?.startTime;
    if (pidfd === undefined || startTime === undefined) {
      throw new RuntimeError({ code: 'checkpoint.failed', message: 'the restored process has exited' });
    }
    context.spawned = { pid, pidfd, channel: -1 };
    context.startTime = startTime;
    context.undo.arm(`process ${pid}`, () => {
      const ended = killAndWait(binding, pidfd);
      if (ended) binding.reap(pid);
      binding.close(pidfd);
      if (!ended)
        throw new RuntimeError({ code: 'state.running', message: 'it has not exited after SIGKILL' });
    });
    performOperation(context, 'saveInit');
  }

  /** criu makes an empty network namespace, whose loopback device is down. */
  #raiseLoopback(pid: number): void {
    if ((this.#prepared.plan.spawn.cloneFlags & namespaceFlags.network) === 0) return;
    const { binding } = this.#runtime;
    const path = `/proc/${pid}/ns/net`;
    onHost('unable to set up the loopback device', () => {
      const fd = binding.open(path, O.O_RDONLY | O.O_CLOEXEC, 0);
      try {
        binding.raiseLoopback(fd);
      } finally {
        binding.close(fd);
      }
    });
  }
}

/** Returns the sources of the mounts that are not in the image. */
function restoredMounts(plan: Plan, rootfs: string): PathPair[] {
  return [...hostMounts(plan, rootfs), { target: nullDevice, source: nullDevice }].map(asPair);
}

/** Returns the namespaces with a path, which criu joins. It inherits those of type network and pid as descriptors. */
function joinedNamespaces({ config }: Prepared): NonNullable<CriuOptions['joinNamespaces']> {
  return (config.linux?.namespaces ?? []).flatMap(({ type, path }, index) => {
    if (path === undefined || path === '' || type === 'network' || type === 'pid') return [];
    if (type === 'cgroup' || type === 'mount') {
      throw unsupported(
        `/linux/namespaces/${index}/path`,
        `a container with an existing ${type} namespace cannot be restored`,
      );
    }
    return [{ ns: namespaceFiles[type], ns_file: path }];
  });
}

// SPDX-License-Identifier: Apache-2.0
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { networksGiven } from '../../cli/options.ts';
import { RuntimeError } from '../../errors/error.ts';
import { resolvePath } from '../../host/paths.ts';
import type { AttachmentOptions } from '../../lifecycle/attachment.ts';
import type { CheckpointOptions } from '../../lifecycle/checkpoint.ts';
import type { ImageOptions } from '../../lifecycle/criu-options.ts';
import type { InitRecord } from '../../lifecycle/record.ts';
import { type Log, silentLog } from '../../lifecycle/runtime.ts';
import type { Config } from '../../oci/config.ts';
import type { Resources } from '../../oci/resources.ts';
import type { StateOutput } from '../../oci/state.ts';
import type { ContainerEvent, ContainerStats } from '../../oci/stats.ts';
import { loadBinding } from '../binding.ts';
import { deleteAfterEnd } from './cleaner.ts';
import { Exit, type ExitStatus } from './exit.ts';
import { ContainerMounts } from './mounts.ts';
import { checkNames, wrongOption } from './option-names.ts';
import type { ContainerExecOptions, ContainerSpawnOptions, ProcessResult, WaitOptions } from './options.ts';
import { ContainerProcess, checkWait, longestTimerMs, waitForResult } from './process.ts';
import { type OpenedStdio, openStdio, type StandardStreams, type Stdio } from './stdio.ts';
import { type Caller, perform, watchEvents } from './threads.ts';

/** Options of all functions of the library. */
export interface LibraryOptions {
  /** Directory for the state of containers, relative to the working directory. Default `/run/tsubo`. */
  readonly root?: string;
  /** systemd makes the cgroup, and `cgroupsPath` is `slice:prefix:name`. Default false. */
  readonly systemdCgroup?: boolean;
  /** Receives warnings and debug messages. Default: they are dropped. */
  readonly log?: Log;
}

/** Networks and ports, as on the command line. The container needs a network namespace of its own. */
export interface NetworkOptions {
  /** `NAME[:ip=ADDRESS,mac=ADDRESS,interface=NAME]`; `default` is made on first use. Default: no network. */
  readonly network?: string | readonly string[];
  /** `[ADDRESS:]PORT[-PORT]:PORT[-PORT][/udp]`; without `network` in the network `default`. Default: no port. */
  readonly publish?: string | readonly string[];
  /** A file with networks, ports and name servers as JSON, relative to the working directory. Default: none. */
  readonly networkConfig?: string;
}

/** @throws RuntimeError `usage.network`, `usage.publish` */
export function attachmentOf({ network, publish, networkConfig }: NetworkOptions): AttachmentOptions {
  return networksGiven({ network: listOf(network), publish: listOf(publish), networkConfig });
}

function listOf(value: string | readonly string[] | undefined): readonly string[] | undefined {
  return typeof value === 'string' ? [value] : value;
}

/** Options of {@link createContainer}. */
export interface CreateContainerOptions extends LibraryOptions, NetworkOptions {
  /** Unique under the root, where it names a directory: letters, digits and `_ + . -`, but not `.` or `..` alone. */
  readonly id: string;
  /** The bundle: the directory with config.json. Relative to the working directory. Required without `config`. */
  readonly bundle?: string;
  /**
   * The content of config.json instead of a bundle; a relative `root.path` counts from the working directory.
   * {@link defineConfig} makes one.
   */
  readonly config?: Config;
  /**
   * Standard input, output and error of the container's program. Default: those of this process. With
   * `process.terminal`, they are the terminal, and this option is ignored.
   */
  readonly stdio?: Stdio;
  /** Aborts the call: a container that has been created by then is deleted. */
  readonly signal?: AbortSignal;
  /** The file for the init's process id, relative to the working directory. Default: none. */
  readonly pidFile?: string;
  /** A Unix stream socket that receives the master of the terminal (SCM_RIGHTS). Default: this process keeps it. */
  readonly consoleSocket?: string;
  /** A Unix stream socket that receives a pidfd of the init (SCM_RIGHTS). Default: none. */
  readonly pidfdSocket?: string;
  /** Number of descriptors of this process, from 3 on, that the program inherits. Default 0. */
  readonly preserveFds?: number;
  /**
   * Deletes the container, if it still exists, after the end of this process or of the worker thread that creates it,
   * also by SIGKILL. Default for `createContainer`: false; for `run`: true.
   */
  readonly cleanup?: boolean;
  /** For a root file system on an initramfs, which pivot_root(2) does not support. Default false. */
  readonly noPivot?: boolean;
  /** Keeps the caller's session keyring for the container. Default false. */
  readonly noNewKeyring?: boolean;
}

/** Options of {@link run}. */
export interface RunOptions extends Omit<CreateContainerOptions, 'id'>, WaitOptions {
  /** Default: a random one. */
  readonly id?: string;
}

const defaultRoot = '/run/tsubo';

export function callerOf(options: LibraryOptions): Caller {
  const { root = defaultRoot, systemdCgroup = false, log = silentLog } = options;
  requireText('root', root);
  return { root: resolvePath(() => process.cwd(), root), systemdCgroup, log };
}

/** @throws RuntimeError `usage.option`, with the name of the option */
function requireText(option: string, value: unknown): asserts value is string {
  if (typeof value === 'string') return;
  const message =
    value === undefined
      ? `the option ${option} is missing`
      : `the option ${option} must be a string, not ${typeof value}`;
  const hint = `give ${option} as in createContainer({ id: 'web', bundle: '/containers/web' })`;
  throw wrongOption(message, hint, value);
}

/** Options of {@link Container.delete}. */
export interface DeleteOptions {
  readonly force?: boolean;
}

/** The init of a container that this process has created or found. */
interface Init {
  /** Distinguishes it from a container that another process creates later under the same id. */
  readonly identity?: InitRecord;
  /** Absent for a container that another process has created. */
  readonly process?: ContainerProcess;
  /** Bundle that was made for `config`. */
  readonly temporaryBundle?: string;
  /** To be called when the container is deleted. */
  readonly isDeleted?: () => void;
}

/** A container on this machine. Other processes may start, kill or delete it. */
export class Container implements StandardStreams {
  /** The id given to create. */
  readonly id: string;
  /** Absolute path of the directory for the state of containers. */
  readonly root: string;
  /** The pid of its init in the pid namespace of this process; undefined if another process has created it. */
  readonly pid: number | undefined;
  /** Standard input of the program, if this process has created the container and the stream is a pipe or terminal. */
  readonly stdin: Writable | null;
  readonly stdout: Readable | null;
  readonly stderr: Readable | null;
  /** Mounts that are added to the container after its create. */
  readonly mounts: ContainerMounts;
  readonly #caller: Caller;
  readonly #init: Init;

  /** Use {@link createContainer} or {@link getContainer}. */
  constructor(caller: Caller, id: string, init: Init = {}) {
    this.#caller = caller;
    this.#init = init;
    this.root = caller.root;
    this.id = id;
    this.mounts = new ContainerMounts(caller, id);
    this.pid = init.process?.pid;
    this.stdin = init.process?.stdin ?? null;
    this.stdout = init.process?.stdout ?? null;
    this.stderr = init.process?.stderr ?? null;
  }

  /**
   * Starts the program of a created container. Resolves after the program is executed and its poststart hooks have
   * run. On failure, the container is stopped and must be removed with {@link Container.delete}.
   *
   * @throws RuntimeError `state.not-created` unless the container is created; `state.not-found`
   * @throws RuntimeError `state.busy` if another process starts or deletes it, after waiting 10 seconds
   * @throws RuntimeError `config.process.required` for a config without a `process`
   * @throws RuntimeError `container.syscall` with the pointer `/process/args/0` if execve(2) fails
   * @throws RuntimeError `hook.*` if a hook fails
   * @see runtime.md#start
   */
  async start(): Promise<void> {
    await perform(this.#caller, 'start', this.id);
  }

  /**
   * Returns the current state of the container.
   *
   * @throws RuntimeError `state.not-found` if it was deleted; `state.damaged` if its record is invalid
   * @see runtime.md#query-state
   */
  async state(): Promise<StateOutput> {
    return perform(this.#caller, 'state', this.id);
  }

  /**
   * Waits for the end of the container's program.
   *
   * @returns its exit status; undefined if another process has created the container, because only the parent gets the
   *   status
   * @throws RuntimeError `state.not-found` if another process has created and deleted the container
   */
  async wait(): Promise<ExitStatus | undefined> {
    if (this.#init.process !== undefined) return this.#init.process.wait();
    const pidfd = await perform(this.#caller, 'open', this.id);
    return pidfd === undefined ? undefined : new Exit(loadBinding(), pidfd).wait();
  }

  /**
   * Sets the size of the container's terminal.
   *
   * @throws RuntimeError `usage.terminal` if this process does not have its terminal
   */
  resize(columns: number, rows: number): void {
    if (this.#init.process === undefined) {
      throw new RuntimeError({
        code: 'usage.terminal',
        message: `this process does not have the terminal of container ${this.id}`,
        hint: 'the process that created the container has it',
      });
    }
    this.#init.process.resize(columns, rows);
  }

  /**
   * Starts a program in a created or running container. Resolves when it runs. Its standard streams are pipes, unless
   * `stdio` is given. Other options default to the values of the container's config at create.
   *
   * @throws RuntimeError `state.not-running` unless the container is created or running; `state.not-found`
   * @throws RuntimeError `usage.stdio`, `usage.option`; `usage.console-socket` for a socket without a terminal;
   *   `usage.preserve-fds` for descriptors that are not open; `usage.cgroup` for a cgroup that is not below the
   *   container's
   * @throws RuntimeError `container.program-not-found` and other `container.*`; `config.*` for an invalid document
   * @see config.md#process
   */
  async spawn(options: ContainerSpawnOptions): Promise<ContainerProcess> {
    checkNames('spawn', options);
    const { stdio = 'pipe', ...wanted } = options;
    return this.#spawn(wanted, stdio);
  }

  /**
   * Runs a program in a created or running container until it has ended, or with `detach` until it runs. Its standard
   * streams are those of this process, unless `stdio` is given; the output of pipes is in the result. Other options are
   * those of {@link Container.spawn}.
   *
   * @example
   * ```ts
   * const { status, stdout } = await container.exec({ args: ['id', '-u'], stdio: 'pipe' });
   * ```
   * @throws as {@link Container.spawn}; RuntimeError `usage.output-limit` for more than `maxBuffer`; the reason of
   *   `signal` if it is aborted
   */
  async exec(options: ContainerExecOptions & { readonly detach: true }): Promise<{ readonly pid: number }>;
  async exec(options: ContainerExecOptions): Promise<ProcessResult>;
  async exec(options: ContainerExecOptions): Promise<ProcessResult | { readonly pid: number }> {
    checkNames('exec', options);
    const { detach = false, input, timeout, signal, maxBuffer, stdio, ...wanted } = options;
    checkWait({ ...definedOf({ timeout, signal, maxBuffer }) });
    const chosen = withInput(stdio ?? 'inherit', input);
    signal?.throwIfAborted();
    const running = await this.#spawn(wanted, chosen);
    if (detach) return { pid: running.pid };
    return waitForResult(running, definedOf({ input, timeout, signal, maxBuffer }));
  }

  async #spawn(
    { user, size, ...options }: Omit<ContainerSpawnOptions, 'stdio'>,
    stdio: Stdio,
  ): Promise<ContainerProcess> {
    checkUser(user);
    const binding = loadBinding();
    const opened = openStdio(binding, stdio);
    try {
      const all = {
        ...options,
        ...user,
        ...(size !== undefined && { consoleSize: { height: size.rows, width: size.columns } }),
        standard: opened.descriptors,
      };
      return new ContainerProcess(binding, await perform(this.#caller, 'exec', this.id, all), opened);
    } catch (error) {
      opened.abandon();
      throw error;
    }
  }

  /**
   * Sends a signal to the container's init; SIGKILL goes to all of its processes if it shares a pid namespace.
   *
   * @param signal - name with or without `SIG`, or a number; 0 only probes. Default `TERM`
   * @param options.forceAfter - milliseconds after which SIGKILL is sent unless the init has ended. The call then resolves
   *   when it has ended. Default: the call resolves when the signal is sent
   * @throws RuntimeError `usage.signal` for an unknown signal
   * @throws RuntimeError `state.not-running` unless the container is created, running or paused; `state.not-found`
   * @see runtime.md#kill
   */
  async kill(
    signal: string | number = 'TERM',
    options: { readonly forceAfter?: number } = {},
  ): Promise<void> {
    checkNames('kill', options);
    const { forceAfter } = options;
    await this.sendSignal(signal);
    if (forceAfter === undefined) return;
    const ended = this.wait();
    const timer = setTimeout(
      () => {
        // The call fails if the init ends at the same time.
        this.sendSignal('KILL').catch(() => {});
      },
      Math.min(forceAfter, longestTimerMs),
    );
    try {
      await ended;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Sends a signal to the container's init. */
  protected async sendSignal(signal: string | number): Promise<void> {
    await perform(this.#caller, 'kill', this.id, signal);
  }

  /**
   * Changes resource limits. Limits that are not given stay unchanged; if one is rejected, all are restored.
   *
   * @param resources - like `linux.resources` of a config; bytes and microseconds, -1 for no limit. Device rules, if
   *   any, replace all previous rules
   * @throws RuntimeError `state.not-running` unless the container is created, running or paused; `state.not-found`,
   *   `state.busy`
   * @throws RuntimeError `config.*` with the pointer into `resources`
   * @throws RuntimeError `update.usage` for a memory limit below the current usage, with `checkBeforeUpdate`
   * @throws RuntimeError `host.cgroup-controller`, `host.cgroup-write` if the machine or the kernel does not support
   *   the limit
   * @see config-linux.md#control-groups
   */
  async update(resources: Resources): Promise<void> {
    await perform(this.#caller, 'update', this.id, resources);
  }

  /**
   * Suspends all processes of the container. Resolves when all are frozen. Frozen processes can still be killed.
   *
   * @throws RuntimeError `state.not-running` unless the container is created or running; `state.not-found`,
   *   `state.no-cgroup`
   * @throws RuntimeError `state.not-frozen` if that takes more than 10 seconds; the processes are resumed then
   */
  async pause(): Promise<void> {
    await perform(this.#caller, 'pause', this.id);
  }

  /**
   * Resumes a paused container.
   *
   * @throws RuntimeError `state.not-paused` unless the container is paused; `state.not-found`
   */
  async resume(): Promise<void> {
    await perform(this.#caller, 'resume', this.id);
  }

  /**
   * Returns the sorted ids of the container's processes in the pid namespace of this process; none if it has stopped.
   *
   * @throws RuntimeError `state.not-found`; `state.no-cgroup` if it was created without its own cgroup
   */
  async processes(): Promise<readonly number[]> {
    return perform(this.#caller, 'processes', this.id);
  }

  /**
   * Returns the current resource usage of the container: CPU time, memory, tasks, I/O. Values without a controller
   * are 0.
   *
   * @throws RuntimeError `state.not-running` unless the container is created, running or paused; `state.not-found`,
   *   `state.no-cgroup`
   */
  async stats(): Promise<ContainerStats> {
    return perform(this.#caller, 'stats', this.id);
  }

  /**
   * Reports the resource usage at once and then every `interval` milliseconds, and every out-of-memory kill, until the
   * container's init has ended or the caller leaves the loop.
   *
   * @throws RuntimeError as {@link Container.stats}
   */
  events(options: { readonly interval?: number } = {}): AsyncGenerator<ContainerEvent, void, undefined> {
    checkNames('events', options);
    return watchEvents(this.#caller, this.id, options.interval ?? defaultIntervalMs);
  }

  /**
   * Yields the resource usage at once and then every `interval` milliseconds, until the container's init has ended or
   * the caller leaves the loop. Default 5,000.
   *
   * @throws RuntimeError as {@link Container.stats}
   */
  async *watchStats(
    options: { readonly interval?: number } = {},
  ): AsyncGenerator<ContainerStats, void, undefined> {
    for await (const event of this.events(options)) {
      if (event.type === 'stats') yield event.data;
    }
  }

  /**
   * Writes the processes of a running or paused container to files with criu. The container is deleted then, unless
   * `leaveRunning` or `preDump` is given. {@link restoreContainer} continues it.
   *
   * @throws RuntimeError `checkpoint.no-criu`, `checkpoint.failed`, `state.not-found`, `state.not-running`,
   *   `state.busy`, `host.unsupported`
   */
  async checkpoint(options: CheckpointOptions = {}): Promise<void> {
    checkNames('checkpoint', options);
    await perform(this.#caller, 'checkpoint', this.id, options);
    if (options.leaveRunning === true || options.preDump === true) return;
    removeTemporaryBundle(this.#init.temporaryBundle);
    this.#init.isDeleted?.();
  }

  /**
   * Removes a stopped or created container and runs its poststop hooks.
   *
   * If this process has created the container, another one that has been created under the same id since then is not
   * deleted: for this call, it does not exist.
   *
   * @param options.force - kills a running container first, and ignores a missing one. Default false
   * @throws RuntimeError `state.running` if it is running or paused, without `force`
   * @throws RuntimeError `state.not-found` if it does not exist, without `force`
   * @throws RuntimeError `state.busy`; `state.cgroup-not-empty` if a process is left in its cgroup; the call can be
   *   repeated
   * @see runtime.md#delete
   */
  async delete(options: DeleteOptions = {}): Promise<void> {
    checkNames('delete', options);
    const { identity } = this.#init;
    await perform(this.#caller, 'delete', this.id, {
      force: options.force ?? false,
      ...(identity !== undefined && { only: identity }),
    });
    this.#init.process?.stdin?.destroy();
    removeTemporaryBundle(this.#init.temporaryBundle);
    this.#init.isDeleted?.();
  }

  /** Deletes the container with `force`: `await using container = await createContainer(...)`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.delete({ force: true });
  }
}

const defaultIntervalMs = 5000;

/**
 * Creates a container. {@link Container.start} runs its program. On failure, all changes are undone; the error's
 * `cleanup` lists the changes that could not be undone.
 *
 * Without root, the config needs a user namespace. The init is a child of this process.
 *
 * @example
 * ```ts
 * await using container = await createContainer({ id: 'web', bundle: '/containers/web', stdio: 'pipe' });
 * await container.start();
 * ```
 * @throws RuntimeError `usage.option`, `usage.stdio`; `state.exists`, `state.bad-id`, `state.busy`; `bundle.*` and
 *   `config.*` with the pointer into config.json; `host.*` and `container.*`, with `syscall`, `errno` and `errnoName`
 *   for failed system calls; `hook.*`; the reason of `signal` if it is aborted
 * @see runtime.md#create
 */
export async function createContainer(options: CreateContainerOptions): Promise<Container> {
  requireOptions(options);
  checkNames('createContainer', options);
  const { container } = await make('create', options, options.stdio ?? 'inherit');
  return container;
}

/**
 * Creates a container, runs its program until it has ended, and deletes the container. Output is collected, unless
 * `stdio` is given; standard input is empty without `input`.
 *
 * @example
 * ```ts
 * const { status, stdout } = await run({ bundle: '/containers/job', timeout: 10_000 });
 * ```
 * @throws as {@link createContainer} and {@link Container.start}; RuntimeError `usage.output-limit` for more than
 *   `maxBuffer`
 */
export async function run(options: RunOptions): Promise<ProcessResult> {
  requireOptions(options);
  checkNames('run', options);
  const { input, timeout, signal, maxBuffer, ...wanted } = options;
  checkWait(options);
  const id = options.id ?? `run-${randomBytes(8).toString('hex')}`;
  const stdio = withInput(options.stdio ?? ['ignore', 'pipe', 'pipe'], input);
  const { container, init } = await make(
    'run',
    { ...wanted, ...definedOf({ signal }), id },
    stdio,
    options.id === undefined,
  );
  try {
    return await waitForResult(init, definedOf({ input, timeout, signal, maxBuffer }));
  } finally {
    await container.delete({ force: true });
  }
}

/** Options of {@link restoreContainer}. */
export interface RestoreContainerOptions extends LibraryOptions, ImageOptions {
  /** A name for the container, which need not be the earlier one. */
  readonly id: string;
  /** The bundle: the directory with config.json. Relative to the working directory. */
  readonly bundle: string;
  /** The file for the init's process id, relative to the working directory. Default: none. */
  readonly pidFile?: string;
  /** A Unix stream socket that receives the master of the terminal (SCM_RIGHTS). Required with a terminal. */
  readonly consoleSocket?: string;
  /** Profile of a security module in the form `TYPE:NAME`. Default: that of the image. */
  readonly lsmProfile?: string;
  /** SELinux label of the mounts. Default: that of the image. */
  readonly lsmMountContext?: string;
}

/**
 * Restores a container from the files of {@link Container.checkpoint}. Resolves when its processes run. A failure undoes
 * everything. Pipes that were its standard streams are replaced by the standard streams of this process.
 *
 * @throws RuntimeError `checkpoint.no-criu`, `checkpoint.bad-image`, `checkpoint.failed`, `host.unsupported`, and as
 *   {@link createContainer}
 */
export async function restoreContainer(options: RestoreContainerOptions): Promise<Container> {
  requireOptions(options);
  checkNames('restoreContainer', options);
  const { root: _, systemdCgroup: __, log: ___, ...wanted } = options;
  requireText('id', wanted.id);
  requireText('bundle', wanted.bundle);
  const caller = callerOf(options);
  const binding = loadBinding();
  const opened = openStdio(binding, 'inherit');
  try {
    const started = await perform(caller, 'restore', wanted);
    const init = new ContainerProcess(binding, started, opened);
    const { identity } = started;
    return new Container(caller, wanted.id, {
      process: init,
      ...(identity !== undefined && { identity }),
    });
  } catch (error) {
    opened.abandon();
    throw error;
  }
}

/** @throws RuntimeError `usage.option` for a call without options */
function requireOptions(options: unknown): void {
  if (typeof options === 'object' && options !== null) return;
  throw wrongOption('the call has no options', "give an object, such as { bundle: '/containers/web' }");
}

async function make(
  operation: 'create' | 'run',
  options: CreateContainerOptions,
  stdio: Stdio,
  isNewId = false,
): Promise<{ readonly container: Container; readonly init: ContainerProcess }> {
  const { id, config, signal, pidFile, consoleSocket, pidfdSocket, preserveFds, noPivot, noNewKeyring } =
    options;
  const caller = callerOf(options);
  requireText('id', id);
  signal?.throwIfAborted();
  const temporaryBundle = config === undefined ? undefined : makeTemporaryBundle(config);
  const bundle = temporaryBundle ?? options.bundle;
  const { cleanup = operation === 'run' } = options;
  const leftover = { id, root: caller.root, temporaryBundle };
  // An id from the caller may belong to a container of another program: such a container is registered after the
  // create.
  let isDeleted = cleanup && isNewId ? deleteAfterEnd(leftover) : undefined;
  let opened: OpenedStdio | undefined;
  let init: ContainerProcess;
  let identity: InitRecord | undefined;
  try {
    requireText('bundle', bundle);
    const binding = loadBinding();
    opened = openStdio(binding, stdio);
    const all = {
      ...definedOf({ pidFile, consoleSocket, pidfdSocket, preserveFds, noPivot, noNewKeyring }),
      ...attachmentOf(options),
      id,
      bundle,
      standard: opened.descriptors,
    };
    const started = await perform(caller, operation, all);
    identity = started.identity;
    init = new ContainerProcess(binding, started, opened);
  } catch (error) {
    opened?.abandon();
    removeTemporaryBundle(temporaryBundle);
    isDeleted?.();
    throw error;
  }
  if (cleanup) isDeleted ??= deleteAfterEnd({ ...leftover, identity });
  const container = new Container(caller, id, {
    process: init,
    ...(identity !== undefined && { identity }),
    ...(isDeleted !== undefined && { isDeleted }),
    ...(temporaryBundle !== undefined && { temporaryBundle }),
  });
  if (signal?.aborted === true) {
    await container.delete({ force: true });
    signal.throwIfAborted();
  }
  return { container, init };
}

/** Returns `stdio` with a pipe as standard input if there is input. */
function withInput(stdio: Stdio, input: string | Uint8Array | undefined): Stdio {
  if (input === undefined) return stdio;
  const [, output, error] = Array.isArray(stdio) ? stdio : [stdio, stdio, stdio];
  return ['pipe', output, error];
}

/** @throws RuntimeError `usage.option` for a user that is not an object */
function checkUser(user: unknown): void {
  if (user === undefined || (typeof user === 'object' && user !== null)) return;
  throw wrongOption(
    `the option user must be an object, not ${JSON.stringify(user)}`,
    'names are not looked up: write { uid: 1000, gid: 1000 }',
    user,
  );
}

/** Returns the properties that are not undefined. */
function definedOf<T extends object>(options: T): { [Key in keyof T]?: Exclude<T[Key], undefined> } {
  const defined = Object.entries(options).filter(([, value]) => value !== undefined);
  return Object.fromEntries(defined) as { [Key in keyof T]?: Exclude<T[Key], undefined> };
}

function makeTemporaryBundle(config: Config): string {
  const directory = mkdtempSync(join(tmpdir(), 'tsubo-bundle-'));
  const { root } = config;
  const absolute = root === undefined ? config : { ...config, root: { ...root, path: resolve(root.path) } };
  writeFileSync(join(directory, 'config.json'), JSON.stringify(absolute, undefined, 2));
  return directory;
}

function removeTemporaryBundle(directory: string | undefined): void {
  if (directory !== undefined) rmSync(directory, { recursive: true, force: true });
}

/**
 * Returns an existing container, also one that another program created.
 *
 * @throws RuntimeError `usage.option`; `state.not-found`, `state.bad-id`, `state.damaged`
 * @see runtime.md#query-state
 */
export async function getContainer(id: string, options: LibraryOptions = {}): Promise<Container> {
  checkNames('getContainer', options);
  const caller = callerOf(options);
  requireText('id', id);
  await perform(caller, 'state', id);
  return new Container(caller, id);
}

/**
 * Returns the states of all containers under the root, sorted by id; none if the root does not exist. A container with
 * an unreadable directory is skipped and reported to `log`. `owner` is the user's name, or `#` and the user id.
 *
 * @throws RuntimeError `host.syscall` for an unreadable root
 */
export async function listContainers(options: LibraryOptions = {}): Promise<readonly StateOutput[]> {
  checkNames('listContainers', options);
  return perform(callerOf(options), 'list');
}

/** Like {@link listContainers}, for a loop: `for await (const { id, status } of list())`. */
export async function* list(options: LibraryOptions = {}): AsyncGenerator<StateOutput, void, undefined> {
  yield* await listContainers(options);
}

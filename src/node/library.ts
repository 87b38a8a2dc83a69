// SPDX-License-Identifier: Apache-2.0

import { resolvePath } from '../host/paths.ts';
import { createContainer as create } from '../lifecycle/create.ts';
import { deleteContainer } from '../lifecycle/delete.ts';
import { containerStats } from '../lifecycle/events.ts';
import { startInContainer } from '../lifecycle/exec.ts';
import { killContainer } from '../lifecycle/kill.ts';
import { listContainers as list } from '../lifecycle/list.ts';
import { pauseContainer, resumeContainer } from '../lifecycle/pause.ts';
import { containerProcesses } from '../lifecycle/ps.ts';
import { type Log, type Runtime, silentLog } from '../lifecycle/runtime.ts';
import { signalNumber } from '../lifecycle/signals.ts';
import { startContainer } from '../lifecycle/start.ts';
import { containerState } from '../lifecycle/state.ts';
import { updateContainer } from '../lifecycle/update.ts';
import type { Resources } from '../oci/resources.ts';
import type { StateOutput } from '../oci/state.ts';
import type { ContainerStats } from '../oci/stats.ts';
import { loadBinding } from './binding.ts';
import type { ContainerExecOptions, ExecutedProcess } from './exec-options.ts';
import { waitForExit } from './wait-for-exit.ts';

/** Options of all functions of the library. */
export interface LibraryOptions {
  /** Directory for the state of containers, relative to the working directory. Default `/run/tsubo`. */
  readonly root?: string;
  /** Receives warnings and debug messages. Default: they are dropped. */
  readonly log?: Log;
}

/** Options of {@link createContainer}. */
export interface CreateContainerOptions extends LibraryOptions {
  /** Unique under the root, where it names a directory: letters, digits and `_ + . -`, but not `.` or `..` alone. */
  readonly id: string;
  /** The bundle: the directory with config.json. Relative to the working directory. */
  readonly bundle: string;
  /** The file for the init's process id, relative to the working directory. Default: none. */
  readonly pidFile?: string;
  /** For a root file system on an initramfs, which pivot_root(2) does not support. Default false. */
  readonly noPivot?: boolean;
  /** Keeps the caller's session keyring for the container. Default false. */
  readonly noNewKeyring?: boolean;
}

const defaultRoot = '/run/tsubo';

function runtimeOf(options: LibraryOptions): Runtime {
  const binding = loadBinding();
  return {
    binding,
    root: resolvePath(() => binding.getcwd(), options.root ?? defaultRoot),
    log: options.log ?? silentLog,
  };
}

/**
 * A container on this machine. The object holds no open resources: other processes may start, kill or delete the
 * container.
 */
export class Container {
  /** The id given to create. */
  readonly id: string;
  /** Absolute path of the directory for the state of containers. */
  readonly root: string;
  readonly #runtime: Runtime;

  /** Use {@link createContainer} or {@link getContainer}. */
  constructor(runtime: Runtime, id: string) {
    this.#runtime = runtime;
    this.root = runtime.root;
    this.id = id;
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
    startContainer(this.#runtime, this.id);
  }

  /**
   * Returns the current state of the container.
   *
   * @throws RuntimeError `state.not-found` if it was deleted; `state.damaged` if its record is invalid
   * @see runtime.md#query-state
   */
  async state(): Promise<StateOutput> {
    return containerState(this.#runtime, this.id);
  }

  /**
   * Runs a program in a created or running container. Resolves when the program has exited, or with `detach` when it
   * has started. Its standard input, output and error are those of this process, unless it has a terminal.
   *
   * Options that are not given have the values of the container's config at create.
   *
   * @returns the program's process id and, without `detach`, its exit status
   * @example
   * ```ts
   * const { status } = await container.exec({ args: ['sh', '-c', 'test -e /ready'], user: { uid: 1000 } });
   * ```
   * @throws RuntimeError `state.not-running` unless the container is created or running; `state.not-found`
   * @throws RuntimeError `usage.console-socket` for a terminal without a socket, or a socket without a terminal;
   *   `usage.preserve-fds` for descriptors that are not open; `usage.cgroup` for a cgroup that is not below the
   *   container's
   * @throws RuntimeError `container.program-not-found` and other `container.*`; `config.*` for an invalid document
   * @see config.md#process
   */
  async exec(options: ContainerExecOptions & { readonly detach: true }): Promise<{ readonly pid: number }>;
  async exec(options: ContainerExecOptions): Promise<ExecutedProcess>;
  async exec(options: ContainerExecOptions): Promise<ExecutedProcess | { readonly pid: number }> {
    const { detach = false, user, ...wanted } = options;
    // Always detached: the wait must be asynchronous, and signals to this process must not be forwarded.
    const { pid, pidfd } = startInContainer(this.#runtime, this.id, { ...wanted, ...user, detach: true });
    const end = waitForExit(this.#runtime.binding, pid, pidfd, detach);
    return detach ? { pid } : { pid, status: await end };
  }

  /**
   * Sends a signal to the container's init; SIGKILL goes to all of its processes if it shares a pid namespace.
   *
   * @param signal - name with or without `SIG`, or a number; 0 only probes. Default `TERM`
   * @throws RuntimeError `usage.signal` for an unknown signal
   * @throws RuntimeError `state.not-running` unless the container is created, running or paused; `state.not-found`
   * @see runtime.md#kill
   */
  async kill(signal: string | number = 'TERM'): Promise<void> {
    killContainer(this.#runtime, this.id, signalNumber(String(signal)));
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
    updateContainer(this.#runtime, this.id, resources);
  }

  /**
   * Suspends all processes of the container. Resolves when all are frozen. Frozen processes can still be killed.
   *
   * @throws RuntimeError `state.not-running` unless the container is created or running; `state.not-found`,
   *   `state.no-cgroup`
   * @throws RuntimeError `state.not-frozen` if that takes more than 10 seconds; the processes are resumed then
   */
  async pause(): Promise<void> {
    pauseContainer(this.#runtime, this.id);
  }

  /**
   * Resumes a paused container.
   *
   * @throws RuntimeError `state.not-paused` unless the container is paused; `state.not-found`
   */
  async resume(): Promise<void> {
    resumeContainer(this.#runtime, this.id);
  }

  /**
   * Returns the sorted ids of the container's processes in the pid namespace of this process; none if it has stopped.
   *
   * @throws RuntimeError `state.not-found`; `state.no-cgroup` if it was created without its own cgroup
   */
  async processes(): Promise<readonly number[]> {
    return containerProcesses(this.#runtime, this.id);
  }

  /**
   * Returns the current resource usage of the container: CPU time, memory, tasks, I/O. Values without a controller
   * are 0.
   *
   * @throws RuntimeError `state.not-running` unless the container is created, running or paused; `state.not-found`,
   *   `state.no-cgroup`
   */
  async stats(): Promise<ContainerStats> {
    return containerStats(this.#runtime, this.id);
  }

  /**
   * Removes a stopped or created container and runs its poststop hooks.
   *
   * @param options.force - kills a running container first, and ignores a missing one. Default false
   * @throws RuntimeError `state.running` if it is running or paused, without `force`
   * @throws RuntimeError `state.not-found` if it does not exist, without `force`
   * @throws RuntimeError `state.busy`; `state.cgroup-not-empty` if a process is left in its cgroup; the call can be
   *   repeated
   * @see runtime.md#delete
   */
  async delete(options: { readonly force?: boolean } = {}): Promise<void> {
    deleteContainer(this.#runtime, this.id, options);
  }
}

/**
 * Creates a container from a bundle. {@link Container.start} runs its program; its standard input, output and error
 * are those of this process. On failure, all changes are undone; the error's `cleanup` lists what could not be
 * undone.
 *
 * Without root, the config needs a user namespace. A config with `process.terminal` is rejected because this library
 * has no receiver for the terminal. The init is a child of this process; `delete` reaps it.
 *
 * @example
 * ```ts
 * const container = await createContainer({ id: 'web', bundle: '/containers/web' });
 * await container.start();
 * ```
 * @throws RuntimeError `state.exists`, `state.bad-id`, `state.busy`; `bundle.*` and `config.*` with the pointer into
 *   config.json; `host.*` and `container.*`, with `syscall`, `errno` and `errnoName` for failed system calls;
 *   `hook.*`; `usage.console-socket` for a config with a terminal
 * @see runtime.md#create
 */
export async function createContainer(options: CreateContainerOptions): Promise<Container> {
  const { root: _root, log: _log, ...wanted } = options;
  const runtime = runtimeOf(options);
  const { pidfd } = create(runtime, wanted);
  runtime.binding.close(pidfd);
  return new Container(runtime, options.id);
}

/**
 * Returns an existing container, also one that another program created.
 *
 * @throws RuntimeError `state.not-found`, `state.bad-id`, `state.damaged`
 * @see runtime.md#query-state
 */
export async function getContainer(id: string, options: LibraryOptions = {}): Promise<Container> {
  const runtime = runtimeOf(options);
  containerState(runtime, id);
  return new Container(runtime, id);
}

/**
 * Returns the states of all containers under the root, sorted by id. A missing root has no containers; an unreadable
 * directory is skipped and reported to `log`. `owner` is the user's name, or `#` and the user id.
 *
 * @throws RuntimeError `host.syscall` for an unreadable root
 */
export async function listContainers(options: LibraryOptions = {}): Promise<readonly StateOutput[]> {
  const runtime = runtimeOf(options);
  const { containers, damaged } = list(runtime, { rootMustExist: false, brief: false });
  for (const { message } of damaged) runtime.log.warn(message);
  return containers;
}

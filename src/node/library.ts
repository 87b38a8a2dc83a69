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
import { whenEnded } from './when-ended.ts';

/** What all functions of the library take. */
export interface LibraryOptions {
  /** Directory of the state of containers, relative to the working directory. Default `/run/tsubo`. */
  readonly root?: string;
  /** Told of warnings and of what is being done. Default: nobody is. */
  readonly log?: Log;
}

/** What {@link createContainer} takes. */
export interface CreateContainerOptions extends LibraryOptions {
  /** Unique under the root, where it names a directory: letters, digits and `_ + . -`, but not `.` or `..` alone. */
  readonly id: string;
  /** The bundle: the directory with config.json. Relative to the working directory. */
  readonly bundle: string;
  /** Where to write the init's process id, relative to the working directory. Default: nowhere. */
  readonly pidFile?: string;
  /** For a root file system on an initramfs, which pivot_root(2) does not take. Default false. */
  readonly noPivot?: boolean;
  /** Leaves the container in the caller's session keyring. Default false. */
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
 * A container of this machine. It holds nothing open: another process may start, kill or delete the same container.
 */
export class Container {
  /** As it was given at create. */
  readonly id: string;
  /** Absolute path of the directory of the state of containers. */
  readonly root: string;
  readonly #runtime: Runtime;

  /** Use {@link createContainer} or {@link getContainer}. */
  constructor(runtime: Runtime, id: string) {
    this.#runtime = runtime;
    this.root = runtime.root;
    this.id = id;
  }

  /**
   * Runs the program of a created container; done when it has really been executed, and its poststart hooks have run.
   * When it fails the container is stopped, and left for {@link Container.delete}.
   *
   * @throws RuntimeError `state.not-created` unless the container is created; `state.not-found`
   * @throws RuntimeError `state.busy` when another process starts or deletes it, after 10 seconds of waiting
   * @throws RuntimeError `config.process.required` for a config without a `process`
   * @throws RuntimeError `container.syscall` with the pointer `/process/args/0` when execve(2) refuses
   * @throws RuntimeError `hook.*` when a hook fails
   * @see runtime.md#start
   */
  async start(): Promise<void> {
    startContainer(this.#runtime, this.id);
  }

  /**
   * What the container is doing now.
   *
   * @throws RuntimeError `state.not-found` when it was deleted; `state.damaged` when its record is none
   * @see runtime.md#query-state
   */
  async state(): Promise<StateOutput> {
    return containerState(this.#runtime, this.id);
  }

  /**
   * Runs a program in the container, which must be created or running. Done when the program has ended, or with `detach`
   * as soon as it runs. Its standard input, output and error are those of this process, unless it has a terminal.
   *
   * What is not asked for is as the container's config said at create.
   *
   * @returns the program's process id, and with it, unless `detach`, its exit status
   * @example
   * ```ts
   * const { status } = await container.exec({ args: ['sh', '-c', 'test -e /ready'], user: { uid: 1000 } });
   * ```
   * @throws RuntimeError `state.not-running` unless the container is created or running; `state.not-found`
   * @throws RuntimeError `usage.console-socket` for a terminal without a socket, or a socket without a terminal;
   *   `usage.preserve-fds` for descriptors that are not open; `usage.cgroup` for one that is not below the container's
   * @throws RuntimeError `container.program-not-found` and other `container.*`; `config.*` for what is wrong with a document
   * @see config.md#process
   */
  async exec(options: ContainerExecOptions & { readonly detach: true }): Promise<{ readonly pid: number }>;
  async exec(options: ContainerExecOptions): Promise<ExecutedProcess>;
  async exec(options: ContainerExecOptions): Promise<ExecutedProcess | { readonly pid: number }> {
    const { detach = false, user, ...wanted } = options;
    // Detached in any case: to wait for the end is not to stand still, and signals of this program are its own.
    const { pid, pidfd } = startInContainer(this.#runtime, this.id, { ...wanted, ...user, detach: true });
    const end = whenEnded(this.#runtime.binding, pid, pidfd, detach);
    return detach ? { pid } : { pid, status: await end };
  }

  /**
   * Sends a signal to the container's init process; SIGKILL to all of its processes where the pid namespace is not its own.
   *
   * @param signal - name with or without `SIG`, or a number; 0 only probes. Default `TERM`
   * @throws RuntimeError `usage.signal` for a signal that does not exist
   * @throws RuntimeError `state.not-running` unless the container is created, running or paused; `state.not-found`
   * @see runtime.md#kill
   */
  async kill(signal: string | number = 'TERM'): Promise<void> {
    killContainer(this.#runtime, this.id, signalNumber(String(signal)));
  }

  /**
   * Changes the resource limits. What is not named stays; when one is refused, all are as they were.
   *
   * @param resources - as `linux.resources` of a config; bytes and microseconds, -1 for no limit. Device rules, where there
   *   are any, take the place of all that there were
   * @throws RuntimeError `state.not-running` unless the container is created, running or paused; `state.not-found`,
   *   `state.busy`
   * @throws RuntimeError `config.*` with the pointer into `resources`
   * @throws RuntimeError `update.usage` for a memory limit below what is in use, with `checkBeforeUpdate`
   * @throws RuntimeError `host.cgroup-controller`, `host.cgroup-write` when the machine or the kernel cannot
   * @see config-linux.md#control-groups
   */
  async update(resources: Resources): Promise<void> {
    updateContainer(this.#runtime, this.id, resources);
  }

  /**
   * Stops every process of the container where it stands; done when all of them do. They can be killed all the same.
   *
   * @throws RuntimeError `state.not-running` unless the container is created or running; `state.not-found`, `state.no-cgroup`
   * @throws RuntimeError `state.not-frozen` when that took more than 10 seconds; all of it runs again then
   */
  async pause(): Promise<void> {
    pauseContainer(this.#runtime, this.id);
  }

  /**
   * Lets a paused container go on.
   *
   * @throws RuntimeError `state.not-paused` unless the container is paused; `state.not-found`
   */
  async resume(): Promise<void> {
    resumeContainer(this.#runtime, this.id);
  }

  /**
   * The ids of the container's processes in this process's pid namespace, in order. None when it has stopped.
   *
   * @throws RuntimeError `state.not-found`; `state.no-cgroup` when it was made without a cgroup of its own
   */
  async processes(): Promise<readonly number[]> {
    return containerProcesses(this.#runtime, this.id);
  }

  /**
   * What the container uses now: processor time, memory, tasks, input and output. What is not counted on this machine, for
   * want of a controller, is zero.
   *
   * @throws RuntimeError `state.not-running` unless the container is created, running or paused; `state.not-found`,
   *   `state.no-cgroup`
   */
  async stats(): Promise<ContainerStats> {
    return containerStats(this.#runtime, this.id);
  }

  /**
   * Removes the container, which must have stopped or never been started, and runs its poststop hooks.
   *
   * @param options.force - kills it first when it runs, and does not mind when it is gone. Default false
   * @throws RuntimeError `state.running` when it runs or is paused, without `force`
   * @throws RuntimeError `state.not-found` when it is gone, without `force`
   * @throws RuntimeError `state.busy`; `state.cgroup-not-empty` when somebody is left in its cgroup: it can be tried again
   * @see runtime.md#delete
   */
  async delete(options: { readonly force?: boolean } = {}): Promise<void> {
    deleteContainer(this.#runtime, this.id, options);
  }
}

/**
 * Makes a container from a bundle. Its program runs at {@link Container.start}; its standard input, output and error
 * are those of this process. When it fails, nothing is left; what could not be taken back is in the error's `cleanup`.
 *
 * Without root the config needs a user namespace. With `process.terminal` there is nobody here to take the terminal: such
 * a config is refused. The init is a child of this process; it is collected by `delete`.
 *
 * @example
 * ```ts
 * const container = await createContainer({ id: 'web', bundle: '/containers/web' });
 * await container.start();
 * ```
 * @throws RuntimeError `state.exists`, `state.bad-id`, `state.busy`; `bundle.*` and `config.*` with the pointer into
 *   config.json; `host.*` and `container.*`, with `syscall`, `errno` and `errnoName` where the kernel refused; `hook.*`;
 *   `usage.console-socket` for a config with a terminal
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
 * A container that exists, made by whomever.
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
 * The states of all containers under the root, in order of their ids. A root that is not there has none; a directory
 * that cannot be read is left out and told to `log`. `owner` is the user's name, or `#` and the user id.
 *
 * @throws RuntimeError `host.syscall` for a root that cannot be read
 */
export async function listContainers(options: LibraryOptions = {}): Promise<readonly StateOutput[]> {
  const runtime = runtimeOf(options);
  const { containers, damaged } = list(runtime, { rootMustExist: false, brief: false });
  for (const { message } of damaged) runtime.log.warn(message);
  return containers;
}

// SPDX-License-Identifier: Apache-2.0
import { isPaused } from '../cgroup/freezer.ts';
import { errno } from '../errors/errno.ts';
import { RuntimeError } from '../errors/error.ts';
import { onHost, toRuntimeError } from '../errors/system.ts';
import type { Binding, StandardDescriptors } from '../host/binding.d.ts';
import { unlessMissing } from '../host/files.ts';
import { resolvePath } from '../host/paths.ts';
import { readFacts } from '../host/read-facts.ts';
import { type NamespaceType, namespaceFiles, namespaceFlags } from '../oci/namespaces.ts';
import { makeExecPlan } from '../plan/exec-plan.ts';
import { type ExecAffinity, execAffinity } from '../plan/scheduling.ts';
import { checkLabels } from '../validate/label-checks.ts';
import { openConsole, resolveSocket } from './console.ts';
import { inCgroup } from './exec-cgroup.ts';
import { checkExecData } from './exec-data.ts';
import { type ExecProcessOptions, execProcess } from './exec-process.ts';
import { HostContext } from './host-context.ts';
import { withInit } from './init-process.ts';
import { checkPassedFds } from './passed-fds.ts';
import { performHostSteps } from './perform-host-steps.ts';
import type { ContainerRecord, InitRecord } from './record.ts';
import type { Runtime } from './runtime.ts';
import { named, withSourceLocation } from './source-location.ts';
import { spawnInit } from './spawn.ts';
import { requireStatus, statusOf } from './status.ts';
import { readRecord } from './store.ts';
import { type Terminals, waitInForeground } from './terminals.ts';
import { warnOf } from './warnings.ts';

export interface ExecOptions extends ExecProcessOptions {
  /** Returns when the program runs, instead of waiting for its exit. Default false. */
  readonly detach?: boolean;
  /** File that gets the process's pid; relative to the working directory. Default: none. */
  readonly pidFile?: string;
  /**
   * A Unix stream socket that gets the master of the program's terminal (SCM_RIGHTS); relative to the working
   * directory. Required with a terminal and `detach`, otherwise refused.
   */
  readonly consoleSocket?: string;
  /** A Unix stream socket that gets a pidfd of the process; relative to the working directory. Default: none. */
  readonly pidfdSocket?: string;
  /** The kernel kills the program when this process exits. Default false. */
  readonly endsWithRuntime?: boolean;
  /** Number of descriptors that the program gets from 3 on. Default 0. */
  readonly preserveFds?: number;
  /** An existing cgroup below the container's. Default: the container's own. */
  readonly cgroup?: string;
  /** Executes also in a paused container, and waits until it is resumed. Default false. */
  readonly ignorePaused?: boolean;
  /** The caller takes the master of the program's terminal, if it has one. Default false. */
  readonly keepTerminal?: boolean;
  /** Standard input, output and error of the program. Default: those of the runtime. */
  readonly standard?: StandardDescriptors;
}

/** A running process, with its terminal if it is in the foreground. */
export interface Executed {
  readonly pid: number;
  /** The caller closes it. */
  readonly pidfd: number;
  readonly terminals?: Terminals;
  /** With `keepTerminal`, the master of the program's terminal. The caller closes it. */
  readonly master?: number;
}

/**
 * Executes a program in a created or running container. Waits for its exit unless detached.
 *
 * @returns the exit status: 0 if detached, otherwise the program's, or 128 plus the number of the signal that ended it
 * @throws RuntimeError as startInContainer
 */
export function execInContainer(runtime: Runtime, id: string, options: ExecOptions): number {
  const { binding } = runtime;
  const { pid, pidfd, terminals } = startInContainer(runtime, id, options);
  try {
    return options.detach === true ? 0 : waitInForeground(binding, pid, pidfd, terminals);
  } finally {
    binding.close(pidfd);
    terminals?.close();
  }
}

/**
 * Starts a program in a created or running container. It takes no lock: the container may stop or be deleted meanwhile,
 * and the program ends with it. Unless `detach`, signals are caught for `waitInForeground` from here on.
 *
 * @throws RuntimeError `state.not-found`, `state.not-running`, `usage.preserve-fds`, `usage.cgroup`,
 *   `usage.console-socket`, `config.*`, `host.syscall`, `container.*`
 */
export function startInContainer(runtime: Runtime, id: string, options: ExecOptions): Executed {
  const { binding } = runtime;
  checkPassedFds(binding, 0, options.preserveFds ?? 0);
  const requested: ResolvedOptions = {
    ...options,
    pidFile: options.pidFile === undefined ? undefined : resolvePath(() => binding.getcwd(), options.pidFile),
    consoleSocket: resolveSocket(binding, options.consoleSocket),
    pidfdSocket: resolveSocket(binding, options.pidfdSocket),
  };
  const record = readRecord(runtime, id);
  const { init, cgroup } = record;
  const executed =
    init &&
    withInit(binding, init, initPidfd => {
      // A running init is accepted, and one that waits for `start`.
      const paused = cgroup !== undefined && isPaused(binding, cgroup.path);
      if (paused && options.ignorePaused !== true) requireStatus('exec', id, 'paused');
      // Catch signals before the clone: a signal must not end the runtime and leave the process behind.
      if (options.detach !== true) binding.catchSignals(false);
      try {
        return startProcess(runtime, record, init, initPidfd, requested);
      } catch (error) {
        const failure = orStopped(binding, initPidfd, error);
        // exec.json was used unchecked, for speed: check it to explain the failure.
        checkExecData(runtime, id);
        throw failure;
      }
    });
  if (executed !== undefined) return executed;
  requireStatus('exec', id, statusOf(runtime, record, { held: false }));
  throw stopped();
}

function stopped(): RuntimeError {
  return new RuntimeError({
    code: 'state.not-running',
    message: 'cannot exec in a stopped container',
    value: 'stopped',
  });
}

/** Failures that a stopping container causes: its namespaces, /proc files, cgroup and state disappear. */
const failuresOfStopping: ReadonlySet<string> = new Set([
  'container.ended',
  'container.namespace',
  'container.syscall',
  'host.syscall',
]);
/** Milliseconds for an exiting init to become a zombie: all other processes of its pid namespace exit first. */
const exitTimeoutMs = 100;

/** If the container stops while a process is started in it, that is the cause of the failure. */
function orStopped(binding: Binding, initPidfd: number, error: unknown): unknown {
  const failure = toRuntimeError(error);
  if (!failuresOfStopping.has(failure.code) || failure.errno === errno.EINTR) return error;
  return binding.pidfdWait(initPidfd, exitTimeoutMs) ? stopped().with({ cleanup: failure.cleanup }) : error;
}

/** Options with absolute paths. */
type ResolvedOptions = Omit<ExecOptions, 'pidFile' | 'consoleSocket' | 'pidfdSocket'> &
  Readonly<Record<'pidFile' | 'consoleSocket' | 'pidfdSocket', string | undefined>>;

function startProcess(
  runtime: Runtime,
  record: ContainerRecord,
  init: InitRecord,
  initPidfd: number,
  options: ResolvedOptions,
): Executed {
  const { binding } = runtime;
  const own = execProcess(runtime, record.id, options);
  const { process, source, origin, seccomp, filter, landlock, linux } = own;
  return withSourceLocation(source, () => {
    const [lacking] = checkLabels(binding, process, origin);
    if (lacking !== undefined) throw new RuntimeError(lacking);
    const facts = readFacts(binding);
    const foreign = foreignNamespaces(runtime, init.pid);
    const namespaces = foreign & ~namespaceFlags.time;
    const plan = makeExecPlan(
      {
        process,
        seccomp,
        filter,
        landlock,
        facts,
        origin,
        userNamespace: (namespaces & namespaceFlags.user) !== 0,
      },
      {
        id: record.id,
        noNewKeyring: record.noNewKeyring ?? false,
        preserveFds: options.preserveFds ?? 0,
        endsWithRuntime: options.endsWithRuntime ?? false,
        linux,
        listener: own.listener,
        joinsRdt: record.rdt !== undefined,
        pidFile: options.pidFile,
        pidfdSocket: options.pidfdSocket,
        timeNamespace: foreign === namespaces ? undefined : `/proc/${init.pid}/ns/time`,
        // Without its own mount namespace, joining namespaces does not change the root directory.
        root: (foreign & namespaceFlags.mount) === 0 ? `/proc/${init.pid}/root` : undefined,
      },
    );
    warnOf(
      runtime,
      plan.warnings.map(warning => (warning.pointer ? named(warning, source) : warning)),
    );
    // Join all namespaces before the clone. A process with the host's root must never be visible in the container: a
    // process that may trace others could open its /proc/PID/root.
    const joined = namespaces === 0 ? undefined : { pidfd: initPidfd, kinds: namespaces };
    const console = openConsole(runtime, process, {
      socket: options.consoleSocket,
      foreground: options.detach !== true,
      keep: options.keepTerminal ?? false,
      pointer: origin('terminal'),
      // The config's consoleSize is for the container's own terminal.
      ignoreSize: options.process === undefined,
    });
    const { terminals } = console;
    const status = () => statusOf(runtime, record, { held: false });
    const subject = { ...record, status, initPid: init.pid };
    const context = new HostContext({ runtime, plan, console, record, subject, standard: options.standard });
    if (terminals !== undefined) context.undo.arm('the terminal', () => terminals.close());
    const { pid, pidfd } = performHostSteps(context, () =>
      onCpus(runtime, execAffinity({ process, origin }).initial, () =>
        inCgroup(runtime, record, init, facts.cgroup.mountpoint, options.cgroup, cgroup => {
          context.cgroup = cgroup;
          return spawnInit(context, cgroup, joined);
        }),
      ),
    );
    const master = console.callers?.master;
    return {
      pid,
      pidfd,
      ...(terminals !== undefined && { terminals }),
      ...(master !== undefined && { master }),
    };
  });
}

/** Calls `work` on the CPUs of execCPUAffinity.initial. They apply until the process is in its cgroup. */
function onCpus<T>({ binding, log }: Runtime, affinity: ExecAffinity['initial'], work: () => T): T {
  if (affinity === undefined) return work();
  const { mask, cpus, origin } = affinity;
  const before = onHost('error setting initial CPU affinity', () => binding.setAffinity({ mask }), {
    pointer: origin,
    spec: 'config.md#linux-process',
    hint: 'at least one of the CPUs must be online and in the cpuset of the runtime',
  });
  // runc's nsexec logs the same text, and scripts search for it.
  log.debug(`nsexec: affinity: 0x${cpus.toString(16)}`);
  try {
    return work();
  } finally {
    binding.setAffinity({ mask: before });
  }
}

/** CLONE_NEW* flags of the init's namespaces that the runtime is not in. */
export function foreignNamespaces({ binding }: Runtime, pid: number): number {
  let flags = 0;
  for (const [type, file] of Object.entries(namespaceFiles) as [NamespaceType, string][]) {
    // The kernel may not support this type: neither process has such a namespace.
    const own = unlessMissing(() => binding.readlink(`/proc/self/ns/${file}`));
    if (own === undefined) continue;
    const path = `/proc/${pid}/ns/${file}`;
    const initNamespace = onHost(`unable to read ${path}`, () => binding.readlink(path));
    if (initNamespace !== own) flags |= namespaceFlags[type];
  }
  return flags;
}

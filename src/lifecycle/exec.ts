// SPDX-License-Identifier: Apache-2.0
import { isPaused } from '../cgroup/freezer.ts';
import { errno } from '../errors/errno.ts';
import { RuntimeError } from '../errors/error.ts';
import { onHost, toRuntimeError } from '../errors/system.ts';
import type { Binding } from '../host/binding.d.ts';
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
import { walkHostSteps } from './host-walk.ts';
import { HostWork } from './host-work.ts';
import { withInit } from './init.ts';
import { checkPassedFds } from './passed-fds.ts';
import { named, withPlace } from './place.ts';
import type { ContainerRecord, InitRecord } from './record.ts';
import type { Runtime } from './runtime.ts';
import { spawnInit } from './spawn.ts';
import { requireStatus, statusOf } from './status.ts';
import { readRecord } from './store.ts';
import { attend, type Terminals } from './terminals.ts';
import { warnOf } from './warnings.ts';

export interface ExecOptions extends ExecProcessOptions {
  /** Returns when the program runs, instead of waiting for its end. Default false. */
  readonly detach?: boolean;
  /** Where to write the process's pid; relative to the working directory. Default: nowhere. */
  readonly pidFile?: string;
  /**
   * A Unix stream socket that gets the master of the program's terminal (SCM_RIGHTS); relative to the working directory.
   * Needed with a terminal and `detach`, and only then.
   */
  readonly consoleSocket?: string;
  /** A Unix stream socket that gets a pidfd of the process; relative to the working directory. Default: none. */
  readonly pidfdSocket?: string;
  /** How many descriptors from 3 on the program gets. Default 0. */
  readonly preserveFds?: number;
  /** A cgroup below the container's, which is there already. Default: the container's own. */
  readonly cgroup?: string;
  /** Executes also in a paused container, and waits until it is resumed. Default false. */
  readonly ignorePaused?: boolean;
}

/** A process that runs, with its terminal when it is in the foreground. */
export interface Executed {
  readonly pid: number;
  /** The receiver closes it. */
  readonly pidfd: number;
  readonly terminals?: Terminals;
}

/**
 * Executes a program in a created or running container, and waits for its end unless it is detached.
 *
 * @returns the exit status: 0 when detached, else the program's, or 128 and the number of the signal that ended it
 * @throws RuntimeError as startInContainer
 */
export function execInContainer(runtime: Runtime, id: string, options: ExecOptions): number {
  const { binding } = runtime;
  const { pid, pidfd, terminals } = startInContainer(runtime, id, options);
  try {
    return options.detach === true ? 0 : attend(binding, pid, pidfd, terminals);
  } finally {
    binding.close(pidfd);
    terminals?.close();
  }
}

/**
 * Starts a program in a created or running container. It takes no lock: the container may end or be deleted meanwhile,
 * and then so does the program. Unless `detach`, signals wait for `attend` from here on.
 *
 * @throws RuntimeError `state.not-found`, `state.not-running`, `usage.preserve-fds`, `usage.cgroup`,
 *   `usage.console-socket`, `config.*`, `host.syscall`, `container.*`
 */
export function startInContainer(runtime: Runtime, id: string, options: ExecOptions): Executed {
  const { binding } = runtime;
  checkPassedFds(binding, 0, options.preserveFds ?? 0);
  const asked: Asked = {
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
      // It runs, or waits for `start`: both will do.
      const paused = cgroup !== undefined && isPaused(binding, cgroup.path);
      if (paused && options.ignorePaused !== true) requireStatus('exec', id, 'paused');
      // Before the clone: a signal that comes in between must not end us and leave it.
      if (options.detach !== true) binding.catchSignals(false);
      try {
        return startProcess(runtime, record, init, initPidfd, asked);
      } catch (error) {
        const failure = besideItsEnd(binding, initPidfd, error);
        // Its data is used as create left it: checked only when there is something to explain.
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

/** What the end of a container makes fail: its namespaces, its files in /proc, its cgroup and its state go. */
const failuresBesideAnEnd: ReadonlySet<string> = new Set([
  'container.ended',
  'container.namespace',
  'container.syscall',
  'host.syscall',
]);
/** Milliseconds for an init that is about to end: before it is a zombie, every process of its pid namespace ends. */
const endingMs = 100;

/** A container that ends while a process is started in it is the cause of what is refused then. */
function besideItsEnd(binding: Binding, initPidfd: number, error: unknown): unknown {
  const failure = toRuntimeError(error);
  if (!failuresBesideAnEnd.has(failure.code) || failure.errno === errno.EINTR) return error;
  return binding.pidfdWait(initPidfd, endingMs) ? stopped().with({ cleanup: failure.cleanup }) : error;
}

/** Options with their paths absolute. */
type Asked = Omit<ExecOptions, 'pidFile' | 'consoleSocket' | 'pidfdSocket'> &
  Readonly<Record<'pidFile' | 'consoleSocket' | 'pidfdSocket', string | undefined>>;

function startProcess(
  runtime: Runtime,
  record: ContainerRecord,
  init: InitRecord,
  initPidfd: number,
  options: Asked,
): Executed {
  const { binding } = runtime;
  const own = execProcess(runtime, record.id, options);
  const { process, source, origin, seccomp, filter, linux } = own;
  return withPlace(source, () => {
    const [lacking] = checkLabels(binding, process, origin);
    if (lacking !== undefined) throw new RuntimeError(lacking);
    const facts = readFacts(binding);
    const foreign = foreignNamespaces(runtime, init.pid);
    const namespaces = foreign & ~namespaceFlags.time;
    const plan = makeExecPlan(
      { process, seccomp, filter, facts, origin, userNamespace: (namespaces & namespaceFlags.user) !== 0 },
      {
        id: record.id,
        noNewKeyring: record.noNewKeyring ?? false,
        preserveFds: options.preserveFds ?? 0,
        linux,
        listener: own.listener,
        joinsRdt: record.rdt !== undefined,
        pidFile: options.pidFile,
        pidfdSocket: options.pidfdSocket,
        timeNamespace: foreign === namespaces ? undefined : `/proc/${init.pid}/ns/time`,
        // Namespaces do not lead there when the mounts are the host's.
        root: (foreign & namespaceFlags.mount) === 0 ? `/proc/${init.pid}/root` : undefined,
      },
    );
    warnOf(
      runtime,
      plan.warnings.map(warning => (warning.pointer ? named(warning, source) : warning)),
    );
    // Not even for a moment is there a process with our root in what processes of the container can see: one that may
    // trace others would go through /proc/PID/root.
    const joined = namespaces === 0 ? undefined : { pidfd: initPidfd, kinds: namespaces };
    const console = openConsole(runtime, process, {
      socket: options.consoleSocket,
      foreground: options.detach !== true,
      pointer: origin('terminal'),
      // The config's is that of the container's own terminal.
      ignoreSize: options.process === undefined,
    });
    const { terminals } = console;
    const status = () => statusOf(runtime, record, { held: false });
    const subject = { ...record, status, initPid: init.pid };
    const work = new HostWork({ runtime, plan, console, record, subject });
    if (terminals !== undefined) work.undo.arm('the terminal', () => terminals.close());
    const { pid, pidfd } = walkHostSteps(work, () =>
      onCpus(runtime, execAffinity({ process, origin }).initial, () =>
        inCgroup(runtime, record, init, facts.cgroup.mountpoint, options.cgroup, cgroup => {
          work.cgroup = cgroup;
          return spawnInit(work, cgroup, joined);
        }),
      ),
    );
    return { pid, pidfd, ...(terminals !== undefined && { terminals }) };
  });
}

/** Does `work` on the CPUs that were asked for until the process is in its cgroup. */
function onCpus<T>({ binding, log }: Runtime, wish: ExecAffinity['initial'], work: () => T): T {
  if (wish === undefined) return work();
  const { mask, cpus, origin } = wish;
  const before = onHost('error setting initial CPU affinity', () => binding.setAffinity({ mask }), {
    pointer: origin,
    spec: 'config.md#linux-process',
    hint: 'at least one of the CPUs must be there, and in the cpuset of the runtime',
  });
  // as runc's part of that name says it: scripts look for these words
  log.debug(`nsexec: affinity: 0x${cpus.toString(16)}`);
  try {
    return work();
  } finally {
    binding.setAffinity({ mask: before });
  }
}

/** CLONE_NEW* of the namespaces that the init is in and we are not. */
function foreignNamespaces({ binding }: Runtime, pid: number): number {
  let flags = 0;
  for (const [type, file] of Object.entries(namespaceFiles) as [NamespaceType, string][]) {
    // A kernel may be without one of them, and then neither is in it.
    const ours = unlessMissing(() => binding.readlink(`/proc/self/ns/${file}`));
    if (ours === undefined) continue;
    const path = `/proc/${pid}/ns/${file}`;
    const theirs = onHost(`unable to read ${path}`, () => binding.readlink(path));
    if (theirs !== ours) flags |= namespaceFlags[type];
  }
  return flags;
}

// SPDX-License-Identifier: Apache-2.0

import { errno, errnoText } from '../errors/errno.ts';
import type { Report } from '../host/binding.d.ts';
import { append } from '../oci/append.ts';
import type { Step } from '../wire/steps.ts';
import { capabilityPlan } from './capabilities.ts';
import type { ProcessContext } from './context.ts';
import { prepareEnvironment } from './environment.ts';
import type { Facility } from './facility.ts';
import { modeText } from './flag-names.ts';
import { labelSteps } from './labels.ts';
import { landlockSteps } from './landlock.ts';
import { hasListener } from './listener.ts';
import { rlimitSteps } from './rlimits.ts';
import { allCpus, schedulingSteps } from './scheduling.ts';
import { seccompStep } from './seccomp.ts';

/** The `mask` of setUmask for the umask of the runtime's caller. */
export const callersUmask = 0o10000;

/** Properties of a container's first process that are not in its document; an executed process has other values. */
export interface ProcessOptions {
  /** Umask if the document has none. Default: that of the runtime's caller. */
  readonly umask?: number;
  /** Properties of the container that apply to each of its processes. Default: those of the runtime's caller. */
  readonly shared?: readonly Step[];
  /** Steps that set the CPUs of the process. Default: all of its cgroup. */
  readonly affinity?: readonly Step[];
  /** Number of socket activation descriptors. Default 0. */
  readonly listenFds?: number;
  /** Slot of the FIFO at which the program waits for `start`. Default: it runs at once. */
  readonly startFifo?: number | undefined;
  /** The program ends with the runtime. Default: it outlives it. */
  readonly endsWithRuntime?: boolean;
  /** Steps right before the program, given its environment. Default: none. */
  readonly beforeProgram?: (env: readonly string[]) => readonly Step[];
}

/** Steps of a process in an existing container: user, limits, directory, program. */
export function processSteps(context: ProcessContext, options: ProcessOptions): Step[] {
  const { process, origin } = context;
  const { user, args, cwd, env } = process;
  const environment = prepareEnvironment(env ?? [], options.listenFds ?? 0);
  const capabilities = capabilityPlan(context);
  const directory = { op: 'changeDirectory', origin: origin('cwd'), path: cwd } as const;
  const program = origin('args', 0);
  const { seccomp, facts } = context;
  const load = context.filter ?? (seccomp === undefined ? undefined : seccompStep(seccomp, facts.machine));
  const filter = load === undefined ? [] : [load];
  const lateFilter = process.noNewPrivileges === true;
  // A filter with a listener is loaded during `create`, which sends the listener to the agent; `start` does not.
  const listened = load !== undefined && hasListener(load);

  const steps: Step[] = [];
  if (process.noNewPrivileges) {
    steps.push({ op: 'setNoNewPrivileges', origin: origin('noNewPrivileges') });
  }
  // These open files: a limit on files must come after them.
  steps.push(
    process.terminal
      ? { op: 'useTerminal', origin: origin('terminal') }
      : { op: 'ownStdio', origin: origin('user', 'uid'), uid: user.uid },
  );
  if (environment.needsHome) steps.push({ op: 'findHome', origin: origin('env'), uid: user.uid });
  // CAP_SYS_RESOURCE is still present: it is needed to raise a hard limit.
  append(steps, rlimitSteps(context));
  steps.push(
    ...(options.affinity ?? [allCpus]),
    ...schedulingSteps(context),
    ...(options.shared ?? []),
    user.umask === undefined
      ? { op: 'setUmask', origin: '', mask: options.umask ?? callersUmask }
      : { op: 'setUmask', origin: origin('user', 'umask'), mask: user.umask },
    ...capabilities.before,
    // First as root, which may enter directories that the user may not; again as the user, which may own directories
    // that root may not enter (a network file system, a FUSE mount).
    { ...directory, mayFail: 1 },
    ...labelSteps(context),
    ...landlockSteps(context.landlock, facts),
    // Without no_new_privs loading a filter needs CAP_SYS_ADMIN, which the change of user takes away. The filter must
    // allow the remaining steps.
    ...(lateFilter ? [] : filter),
    {
      op: 'setUser',
      origin: origin('user'),
      uid: user.uid,
      gid: user.gid,
      groups: user.additionalGids ?? [],
      keepGroups: 0,
    },
    ...capabilities.after,
    // Before `ready`, where the init exits if the runtime has.
    ...(options.endsWithRuntime === true ? [{ op: 'endWithRuntime', origin: '' } as const] : []),
    { ...directory, mayFail: 0 },
    // As the user of the program, and before `ready`: a program that cannot be executed fails the create.
    ...args.slice(0, 1).map(name => ({
      op: 'findProgram' as const,
      origin: program,
      name,
      search: environment.search,
    })),
    ...(lateFilter && listened ? filter : []),
    { op: 'ready', origin: '' },
  );
  const { startFifo } = options;
  if (startFifo !== undefined) steps.push({ op: 'awaitStart', origin: '', fifo: startFifo });
  // Never reached: `start` refuses a container without a program.
  if (args.length === 0) return steps;
  // Before the hooks: they are programs of the container too.
  if (lateFilter && !listened) steps.push(...filter);
  append(steps, options.beforeProgram?.(environment.env) ?? []);
  steps.push({ op: 'execute', origin: program, args, env: environment.env });
  return steps;
}

/** The caller's umask is unknown until the runtime runs: it has a fixed text. */
function umaskText(mask: number | bigint): string {
  return BigInt(mask) === BigInt(callersUmask) ? "the caller's" : modeText(mask);
}

function userMessage(step: Extract<Step, { op: 'setUser' }>, report: Report): string {
  if (report.errno === errno.EINVAL && report.syscall.startsWith('setresuid')) {
    return `cannot setuid to unmapped uid ${step.uid} in user namespace`;
  }
  if (report.errno === errno.EINVAL && report.syscall.startsWith('setresgid')) {
    return `cannot setgid to unmapped gid ${step.gid} in user namespace`;
  }
  return `${report.syscall}: ${errnoText(report.errno)}`;
}

function directoryMessage(
  { path, origin }: Extract<Step, { op: 'changeDirectory' }>,
  report: Report,
): string {
  if (report.errno === errno.EXDEV) {
    return 'current working directory is outside of container mount namespace root -- possible container breakout detected';
  }
  let requested = '';
  if (origin.startsWith('/process/')) requested = ' set in config.json';
  else if (origin !== '' && !origin.startsWith('/')) requested = ` set by ${origin}`;
  return `chdir to cwd (${JSON.stringify(path)})${requested} failed: ${errnoText(report.errno)}`;
}

const steps = {
  /** mkdir -p in the root. */
  makeDirectory: { path: 'text', mode: 'number' },
  setNoNewPrivileges: {},
  /** Changes the owner of pipes, sockets and terminals among the descriptors 0, 1 and 2 to this user. */
  ownStdio: { uid: 'number' },
  /** Reads the home directory of `uid` from /etc/passwd in the root; `execute` adds it as HOME (`/` if it is missing). */
  findHome: { uid: 'number' },
  /** umask(2); with `callersUmask`, restores the umask of the runtime's caller. */
  setUmask: { mask: 'number' },
  /**
   * setgroups (unless `keepGroups`; without groups, a failure is ignored in a user namespace that forbids it),
   * setresgid, setresuid. Permitted capabilities are kept until setCapabilities.
   */
  setUser: { uid: 'number', gid: 'number', groups: 'numbers', keepGroups: 'number' },
  /**
   * chdir(2), then fails with EXDEV unless the directory is inside the root. With `mayFail`, EACCES and EPERM are
   * ignored and a later step retries; a later step does nothing after a success.
   */
  changeDirectory: { path: 'text', mayFail: 'number' },
  /**
   * Reports to the runtime that the container is prepared, and waits for its answer; until then, the init dies with
   * the runtime. Of its descriptors, only the passed ones stay open. A failure after this step is also reported to
   * the runtime, unless an `awaitStart` step changes that; a successful exec closes the channel.
   */
  ready: {},
  /**
   * Waits until the FIFO in slot `fifo`, which is full, has been emptied, and writes a report to it. Later reports go
   * to the FIFO too. A successful exec closes it.
   */
  awaitStart: { fifo: 'number' },
} as const;

/** The process itself: its user, directory, environment and umask. */
export const processFacility: Facility<typeof steps> = {
  steps,
  explain: {
    makeDirectory: ({ path }, { text }) => ({
      code: 'container.cwd',
      message: `mkdir ${path}: ${text}`,
      value: path,
    }),
    setUser: (step, { report }) => ({
      code: 'container.user',
      message: `unable to setup user: ${userMessage(step, report)}`,
    }),
    changeDirectory: (step, { report }) => ({
      code: 'container.cwd',
      message: directoryMessage(step, report),
      value: step.path,
    }),
    ready: (_, { called, filterHint }) => ({
      code: 'container.seccomp',
      message: `the init cannot wait for its start: ${called}`,
      ...(filterHint() !== undefined && { pointer: '/linux/seccomp' }),
    }),
  },
  hints: () => ({
    setUser: {
      [errno.EPERM]: 'the runtime needs CAP_SETUID and CAP_SETGID',
      [errno.EAGAIN]: 'the user has more processes than RLIMIT_NPROC allows',
    },
    changeDirectory: {
      [errno.EACCES]: 'neither root nor the user of the container may enter it',
      [errno.EXDEV]: 'the working directory leads out of the root, for example through /proc/self/fd',
      [errno.ENOENT]: 'the directory must exist in the container',
      [errno.ENOTDIR]: 'the working directory must be a directory',
    },
    makeDirectory: {
      [errno.EROFS]: 'process.cwd does not exist and cannot be made on a read-only file system',
      [errno.ENOTDIR]: 'a component of process.cwd is a file',
      [errno.EEXIST]: 'process.cwd is a file',
    },
  }),
  fields: { makeDirectory: { mode: modeText }, setUmask: { mask: umaskText } },
};

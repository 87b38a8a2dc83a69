// SPDX-License-Identifier: Apache-2.0
import { append } from '../oci/append.ts';
import type { Linux } from '../oci/config.ts';
import { callersUmask, type Step } from '../wire/steps.ts';
import { capabilityPlan } from './capabilities.ts';
import type { ProcessContext } from './context.ts';
import { prepareEnvironment } from './environment.ts';
import { labelSteps } from './labels.ts';
import { hasListener } from './listener.ts';
import { memoryPolicySteps } from './memory-policy.ts';
import { rlimitSteps } from './rlimits.ts';
import { allCpus, schedulingSteps } from './scheduling.ts';
import { seccompStep } from './seccomp.ts';

/** Properties of a container's first process that are not in its document; an executed process has other values. */
export interface ProcessOptions {
  /** Umask if the document has none. Default: that of the runtime's caller. */
  readonly umask?: number;
  /** Personality and memory policy of the container. Default: those of the runtime's caller. */
  readonly linux?: Linux | undefined;
  /** Steps that set the CPUs of the process. Default: all of its cgroup. */
  readonly affinity?: readonly Step[];
  /** Number of socket activation descriptors. Default 0. */
  readonly listenFds?: number;
  /** Slot of the FIFO at which the program waits for `start`. Default: it runs at once. */
  readonly startFifo?: number | undefined;
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
    ...memoryPolicySteps(options),
    user.umask === undefined
      ? { op: 'setUmask', origin: '', mask: options.umask ?? callersUmask }
      : { op: 'setUmask', origin: origin('user', 'umask'), mask: user.umask },
    ...capabilities.before,
    // First as root, which may enter directories that the user may not; again as the user, which may own directories
    // that root may not enter (a network file system, a FUSE mount).
    { ...directory, mayFail: 1 },
    ...labelSteps(context),
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

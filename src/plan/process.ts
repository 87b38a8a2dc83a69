// SPDX-License-Identifier: Apache-2.0
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

/** What a container's first process has beside its document, and an executed one has not. */
export interface ProcessOptions {
  /** The umask of a document without one. Default: that of the runtime's caller. */
  readonly umask?: number;
  /** Of the container: personality and memory policy. Default: those of the runtime's caller. */
  readonly linux?: Linux | undefined;
  /** On which CPUs it runs. Default: all of its cgroup. */
  readonly affinity?: readonly Step[];
  /** Descriptors of socket activation. Default 0. */
  readonly listenFds?: number;
  /** Where the program waits for `start`. Default: it runs at once. */
  readonly startFifo?: number | undefined;
  /** What is done right before the program, given its environment. Default: nothing. */
  readonly beforeProgram?: (env: readonly string[]) => readonly Step[];
}

/** What becomes of a process when the container around it is there: user, limits, directory, program. */
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
  // Its listener is told by `create`, while that is there, and not by `start`.
  const listened = load !== undefined && hasListener(load);

  const steps: Step[] = [];
  if (process.noNewPrivileges) {
    steps.push({ op: 'setNoNewPrivileges', origin: origin('noNewPrivileges') });
  }
  // These open files: before a limit on them can forbid it.
  steps.push(
    process.terminal
      ? { op: 'useTerminal', origin: origin('terminal') }
      : { op: 'ownStdio', origin: origin('user', 'uid'), uid: user.uid },
  );
  if (environment.needsHome) steps.push({ op: 'findHome', origin: origin('env'), uid: user.uid });
  steps.push(
    // While CAP_SYS_RESOURCE is there to raise a hard limit.
    ...rlimitSteps(context),
    ...(options.affinity ?? [allCpus]),
    ...schedulingSteps(context),
    ...memoryPolicySteps(options),
    user.umask === undefined
      ? { op: 'setUmask', origin: '', mask: options.umask ?? callersUmask }
      : { op: 'setUmask', origin: origin('user', 'umask'), mask: user.umask },
    ...capabilities.before,
    // First as root, who may enter what the user may not; again as the user, who may own what root may not enter
    // (a network file system, a FUSE mount).
    { ...directory, mayFail: 1 },
    ...labelSteps(context),
    // Without no_new_privs only CAP_SYS_ADMIN may load a filter, and the change of user takes it away: the filter must
    // let us do the rest.
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
    // As the user that will run it, and before `ready`: what cannot be run fails the create.
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
  // `start` refuses a container without a program, so that nobody comes this far.
  if (args.length === 0) return steps;
  // Also for the hooks: they are programs of the container, as the last one is.
  if (lateFilter && !listened) steps.push(...filter);
  steps.push(...(options.beforeProgram?.(environment.env) ?? []));
  steps.push({ op: 'execute', origin: program, args, env: environment.env });
  return steps;
}

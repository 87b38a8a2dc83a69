// SPDX-License-Identifier: Apache-2.0
import type { Step } from '../wire/steps.ts';
import { capabilityPlan } from './capabilities.ts';
import type { PlanContext } from './context.ts';
import { prepareEnvironment } from './environment.ts';
import type { FifoSlots } from './plan.ts';
import { rlimitSteps } from './rlimits.ts';

const defaultUmask = 0o022;
const program = '/process/args/0';

/** What becomes of the init when the container around it is done: user, limits, directory, program. */
export function processSteps(context: PlanContext, fifos: FifoSlots | undefined): Step[] {
  const { config, options } = context;
  const { user, args, cwd, env } = config.process;
  const environment = prepareEnvironment(env ?? [], options.listenFds ?? 0);
  const capabilities = capabilityPlan(context);
  const directory = { op: 'changeDirectory', origin: '/process/cwd', path: cwd } as const;

  const steps: Step[] = [];
  if (config.process.noNewPrivileges) {
    steps.push({ op: 'setNoNewPrivileges', origin: '/process/noNewPrivileges' });
  }
  // These open files: before a limit on them can forbid it.
  steps.push({ op: 'ownStdio', origin: '/process/user/uid', uid: user.uid });
  if (environment.needsHome) steps.push({ op: 'findHome', origin: '/process/env', uid: user.uid });
  steps.push(
    // While CAP_SYS_RESOURCE is there to raise a hard limit.
    ...rlimitSteps(config),
    {
      op: 'setUmask',
      origin: user.umask === undefined ? '' : '/process/user/umask',
      mask: user.umask ?? defaultUmask,
    },
    ...capabilities.before,
    // First as root, who may enter what the user may not; again as the user, who may own what root may not enter
    // (a network file system, a FUSE mount).
    { ...directory, mayFail: 1 },
    {
      op: 'setUser',
      origin: '/process/user',
      uid: user.uid,
      gid: user.gid,
      groups: user.additionalGids ?? [],
      keepGroups: 0,
    },
    ...capabilities.after,
    { ...directory, mayFail: 0 },
    // As the user that will run it, and before `ready`: what cannot be run fails the create.
    { op: 'findProgram', origin: program, name: args[0] ?? '', search: environment.search },
    { op: 'ready', origin: '' },
  );
  if (fifos !== undefined) steps.push({ op: 'awaitStart', origin: '', go: fifos.go, result: fifos.result });
  steps.push({ op: 'execute', origin: program, args, env: environment.env });
  return steps;
}

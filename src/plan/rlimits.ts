// SPDX-License-Identifier: Apache-2.0

import { errno } from '../errors/errno.ts';
import { RuntimeError } from '../errors/error.ts';
import { type RlimitName, rlimitNumbers } from '../kernel/rlimits.ts';
import type { Step } from '../wire/steps.ts';
import type { ProcessContext } from './context.ts';
import type { Facility } from './facility.ts';
import type { HostStep } from './plan.ts';
import { syncAt } from './sync-points.ts';

/** Steps of the runtime. */
export interface RlimitHostSteps {
  /** Calls prlimit(2) for the init: the root of a user namespace cannot raise a limit. */
  readonly limitInit: {
    readonly when: 'limits';
    readonly resource: number;
    readonly soft: bigint;
    readonly hard: bigint;
  };
}

type SetRlimit = Extract<Step, { op: 'setRlimit' }>;

/**
 * In a user namespace no process may raise a hard limit: the host sets the limits if it may do that for other
 * processes. Otherwise the init lowers those that it can.
 */
function byHost({ userNamespace, facts }: ProcessContext): boolean {
  return userNamespace === true && facts.euid === 0;
}

/** process.rlimits as steps of the init, or the step at which it waits for the host. */
export function rlimitSteps(context: ProcessContext): Step[] {
  const limits = rlimits(context);
  if (limits.length === 0 || !byHost(context)) return limits;
  return [syncAt('limits', context.origin('rlimits'))];
}

/** Host steps for process.rlimits. */
export function rlimitHostSteps(context: ProcessContext): HostStep[] {
  if (!byHost(context)) return [];
  return rlimits(context).map(({ origin, resource, soft, hard }) => ({
    op: 'limitInit',
    when: 'limits',
    resource: Number(resource),
    soft: BigInt(soft),
    hard: BigInt(hard),
    origin,
  }));
}

/**
 * process.rlimits, in their order.
 *
 * @throws RuntimeError `config.process.rlimit-type` for a type that the kernel does not have
 */
function rlimits({ process, origin }: ProcessContext): SetRlimit[] {
  return (process.rlimits ?? []).map(({ type, soft, hard }, index) => {
    if (!Object.hasOwn(rlimitNumbers, type)) {
      throw new RuntimeError({
        code: 'config.process.rlimit-type',
        pointer: origin('rlimits', index, 'type'),
        value: type,
        spec: 'config.md#posix-process',
        message: `wrong rlimit value: ${type}`,
      });
    }
    const resource = rlimitNumbers[type as RlimitName];
    return { op: 'setRlimit', origin: origin('rlimits', index), resource, soft, hard };
  });
}

/** RLIM_INFINITY. */
const noLimit = 0xffff_ffff_ffff_ffffn;

function rlimitName(resource: number | bigint): string {
  return (
    Object.entries(rlimitNumbers).find(([, number]) => BigInt(number) === BigInt(resource))?.[0] ??
    `${resource}`
  );
}

export function limitText(value: number | bigint): string {
  return BigInt(value) === noLimit ? 'unlimited' : value.toString();
}

interface Limit {
  readonly resource: number | bigint;
  readonly soft: number | bigint;
  readonly hard: number | bigint;
}

/** `RLIMIT_CORE soft=0 hard=unlimited` */
function rlimitText({ resource, soft, hard }: Limit): string {
  return `${rlimitName(resource)} soft=${limitText(soft)} hard=${limitText(hard)}`;
}

const higherLimit =
  'the hard limit cannot be raised without CAP_SYS_RESOURCE: use at most the hard limit of the runtime';

const steps = {
  /** setrlimit(2); the largest number means unlimited. */
  setRlimit: { resource: 'number', soft: 'number', hard: 'number' },
} as const;

/** Resource limits of the process. */
export const rlimitsFacility: Facility<typeof steps, RlimitHostSteps> = {
  steps,
  explain: {
    setRlimit: (step, { text }) => ({
      code: 'container.rlimit',
      message: `error setting rlimit type ${step.resource}: ${text}`,
      value: rlimitText(step),
    }),
  },
  hints: () => ({
    setRlimit: {
      [errno.EPERM]: higherLimit,
      [errno.EINVAL]: 'the soft limit must not be above the hard one',
    },
  }),
  explainHost: {
    limitInit: step => ({
      attempt: `error setting rlimit type ${step.resource}`,
      code: 'container.rlimit',
      value: rlimitText(step),
      hint: higherLimit,
    }),
  },
  hostTexts: { limitInit: step => `resource=${rlimitText(step)}` },
  fields: { setRlimit: { resource: rlimitName, soft: limitText, hard: limitText } },
};

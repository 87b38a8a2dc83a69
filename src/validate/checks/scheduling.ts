// SPDX-License-Identifier: Apache-2.0

import { parseNumberList } from '../../oci/number-list.ts';
import type { Check } from '../context.ts';

const spec = 'config.md#linux-process';

/** The rules of sched_setattr(2) that depend on the document only. */
export const checkScheduler: Check = context => {
  const scheduler = context.config.process?.scheduler;
  if (scheduler?.policy === undefined) return;
  const { policy, nice = 0, priority = 0, runtime = 0, deadline = 0, period = 0 } = scheduler;
  const problem = (name: string, message: string, value: unknown, hint?: string): void =>
    context.problem({
      code: 'config.process.scheduler',
      message,
      pointer: `/process/scheduler/${name}`,
      value: String(value),
      hint,
      spec,
    });
  if ((policy === 'SCHED_OTHER' || policy === 'SCHED_BATCH') && (nice < -20 || nice > 19)) {
    const hint = 'use -20 (the highest priority) to 19';
    problem('nice', `invalid scheduler.nice: ${nice} when scheduler.policy is ${policy}`, nice, hint);
  }
  const realtime = policy === 'SCHED_FIFO' || policy === 'SCHED_RR';
  if (!realtime && priority !== 0) {
    const message = 'scheduler.priority can only be specified for SchedFIFO or SchedRR policy';
    problem('priority', message, priority, 'leave priority out, or use SCHED_FIFO or SCHED_RR');
  } else if (realtime && (priority < 1 || priority > 99)) {
    const message = `invalid scheduler.priority: ${priority} when scheduler.policy is ${policy}`;
    problem('priority', message, priority, 'use 1 to 99 (the highest priority)');
  }
  const named = Object.entries({ runtime, deadline, period }).find(([, value]) => BigInt(value) !== 0n);
  if (policy !== 'SCHED_DEADLINE') {
    if (named === undefined) return;
    const message = 'scheduler runtime/deadline/period can only be specified for SchedDeadline policy';
    problem(named[0], message, named[1]);
  } else if (
    BigInt(runtime) === 0n ||
    BigInt(runtime) > BigInt(deadline) ||
    (BigInt(period) !== 0n && BigInt(deadline) > BigInt(period))
  ) {
    const message = `scheduler.runtime ${runtime}, deadline ${deadline} and period ${period} contradict each other`;
    problem('runtime', message, runtime, 'use 0 < runtime <= deadline <= period, in nanoseconds');
  }
};

/** Used only by `exec`, but an invalid value is an error in every config. */
export const checkExecAffinity: Check = context => {
  const affinity = context.config.process?.execCPUAffinity;
  if (affinity === undefined) return;
  for (const name of ['initial', 'final'] as const) {
    const text = affinity[name] ?? '';
    const list = parseNumberList(text);
    const wrong =
      typeof list === 'string' ? list : list.count === 0 && text !== '' ? 'the list has no CPU' : undefined;
    if (wrong === undefined) continue;
    context.problem({
      code: 'config.process.affinity',
      message: `bad CPUAffinity.${name === 'initial' ? 'Initial' : 'Final'}: ${wrong}`,
      pointer: `/process/execCPUAffinity/${name}`,
      value: text,
      hint: 'write a list of CPUs, such as 0-3,7',
      spec,
    });
  }
};

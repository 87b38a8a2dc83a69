// SPDX-License-Identifier: Apache-2.0
import type { Process } from '../oci/config.ts';
import { ioClasses, schedulerFlags, schedulerPolicies } from '../oci/scheduler.ts';
import { parseNumberList } from '../validate/number-list.ts';
import type { Step } from '../wire/steps.ts';
import type { ProcessContext } from './context.ts';

/**
 * For the first process: on all CPUs of its cgroup, whatever the runtime was bound to. Before the scheduler, whose
 * deadline policy wants all of them.
 */
export function schedulingSteps(context: Pick<ProcessContext, 'process' | 'origin'>): Step[] {
  return [{ op: 'setAffinity', origin: '', cpus: [] }, ...schedulerSteps(context)];
}

/** process.scheduler and process.ioPriority, while CAP_SYS_NICE is there. */
export function schedulerSteps({ process, origin }: Pick<ProcessContext, 'process' | 'origin'>): Step[] {
  const { scheduler, ioPriority } = process;
  const steps: Step[] = [];
  if (scheduler !== undefined) {
    let flags = 0;
    for (const flag of scheduler.flags ?? []) flags |= 1 << schedulerFlags.indexOf(flag);
    const { nice = 0, priority = 0, runtime = 0, deadline = 0, period = 0 } = scheduler;
    const policy = schedulerPolicies.indexOf(scheduler.policy);
    const numbers = { policy, flags, nice, priority, runtime, deadline, period };
    steps.push({ op: 'setScheduler', origin: origin('scheduler'), ...numbers });
  }
  if (ioPriority !== undefined) {
    steps.push({
      op: 'setIoPriority',
      origin: origin('ioPriority'),
      ioClass: ioClasses.indexOf(ioPriority.class) + 1,
      priority: ioPriority.priority ?? 0,
    });
  }
  return steps;
}

/**
 * process.execCPUAffinity, for a process that joins a container: `initial` is to be the first step of all, `final` comes
 * once it is in the cgroup. Where neither is asked for, `final` lets it run on all CPUs of the cgroup.
 */
export function execAffinity({ execCPUAffinity: affinity }: Process): { initial: Step[]; final: Step[] } {
  const steps = (name: 'initial' | 'final'): Step[] => {
    const list = parseNumberList(affinity?.[name] ?? '');
    if (typeof list === 'string' || list.count === 0) return [];
    return [{ op: 'setAffinity', origin: `/process/execCPUAffinity/${name}`, cpus: list.words }];
  };
  const initial = steps('initial');
  const final = steps('final');
  if (initial.length + final.length === 0) final.push({ op: 'setAffinity', origin: '', cpus: [] });
  return { initial, final };
}

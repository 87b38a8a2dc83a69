// SPDX-License-Identifier: Apache-2.0

import { errno } from '../errors/errno.ts';
import { parseNumberList } from '../oci/number-list.ts';
import { ioClasses, schedulerFlags, schedulerPolicies } from '../oci/scheduler.ts';
import type { Step } from '../wire/steps.ts';
import type { ProcessContext } from './context.ts';
import type { Facility } from './facility.ts';
import { bitNames } from './flag-names.ts';

/**
 * All CPUs, whatever the runtime's affinity is. Before the scheduler step, because the deadline policy requires all
 * CPUs.
 */
export const allCpus: Step = { op: 'setAffinity', origin: '', cpus: [] };

/** process.scheduler and process.ioPriority; they need CAP_SYS_NICE. */
export function schedulingSteps({ process, origin }: Pick<ProcessContext, 'process' | 'origin'>): Step[] {
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

/** CPU affinity of a process that joins a container. */
export interface ExecAffinity {
  /**
   * Affinity of the runtime before the clone: bit N is CPU N, from the lowest byte of `mask` on, and `cpus` is the same
   * as one number. Absent: unchanged.
   */
  readonly initial?: { readonly mask: Uint8Array; readonly cpus: bigint; readonly origin: string };
  /** Affinity of the process in the cgroup. */
  readonly final: readonly Step[];
}

/** process.execCPUAffinity. Without it the process may run on all CPUs of the cgroup. */
export function execAffinity({ process, origin }: Pick<ProcessContext, 'process' | 'origin'>): ExecAffinity {
  if (process.execCPUAffinity === undefined) return { final: [allCpus] };
  const cpusOf = (name: 'initial' | 'final'): readonly bigint[] => {
    const list = parseNumberList(process.execCPUAffinity?.[name] ?? '');
    return typeof list === 'string' ? [] : list.words;
  };
  const initial = cpusOf('initial');
  const cpus = cpusOf('final');
  if (initial.length + cpus.length === 0) return { final: [allCpus] };
  return {
    ...(initial.length > 0 && {
      initial: {
        mask: bytesOf(initial),
        cpus: initial.reduce((all, word, index) => all | (word << BigInt(64 * index)), 0n),
        origin: origin('execCPUAffinity', 'initial'),
      },
    }),
    final: cpus.length === 0 ? [] : [{ op: 'setAffinity', origin: origin('execCPUAffinity', 'final'), cpus }],
  };
}

function bytesOf(words: readonly bigint[]): Uint8Array {
  const bytes = new Uint8Array(words.length * 8);
  for (const [index, word] of words.entries()) {
    for (let byte = 0; byte < 8; byte++) {
      bytes[index * 8 + byte] = Number((word >> BigInt(byte * 8)) & 0xffn);
    }
  }
  return bytes;
}

/** Bit N of the kernel's flags is the Nth name. */
const schedulerFlagBits = Object.fromEntries(schedulerFlags.map((name, bit) => [name, bit]));

const steps = {
  /**
   * sched_setaffinity(2) to the CPUs whose bits are set in the words `cpus`. Without words: to every CPU that the
   * cgroup allows, now or later; errors are then ignored.
   */
  setAffinity: { cpus: 'numbers' },
  /** sched_setattr(2): SCHED_*, SCHED_FLAG_*; the last three fields are in nanoseconds. */
  setScheduler: {
    policy: 'number',
    flags: 'number',
    nice: 'signed',
    priority: 'number',
    runtime: 'number',
    deadline: 'number',
    period: 'number',
  },
  /** ioprio_set(2) of the process: IOPRIO_CLASS_*, and 0 (highest) to 7. */
  setIoPriority: { ioClass: 'number', priority: 'number' },
} as const;

/** CPU affinity, scheduler and I/O priority. */
export const schedulingFacility: Facility<typeof steps> = {
  steps,
  explain: {
    setAffinity: ({ origin }, { text, stepText }) => ({
      code: 'container.affinity',
      message: `error setting ${origin.endsWith('/initial') ? 'initial' : 'final'} CPU affinity: ${text}`,
      value: stepText(),
    }),
    setScheduler: (_, { text, stepText, report, config }) => {
      const cpus = config?.linux?.resources?.cpu?.cpus ?? '';
      // The kernel allows the deadline policy only for tasks that may run on every CPU.
      const bound = report.errno === errno.EPERM && cpus !== '';
      const message = bound
        ? "process scheduler can't be used together with AllowedCPUs"
        : `error setting scheduler: ${text}`;
      return { code: 'container.scheduler', message, value: stepText() };
    },
    setIoPriority: (_, { text, stepText }) => ({
      code: 'container.io-priority',
      message: `failed to set io priority: ${text}`,
      value: stepText(),
    }),
  },
  hints: () => ({
    setAffinity: { [errno.EINVAL]: 'none of these CPUs is online and in the cpuset of the cgroup' },
    setScheduler: {
      [errno.EPERM]:
        'the runtime needs CAP_SYS_NICE; a cpu controller of version 1 must give its cgroup realtime (cpu.rt_runtime_us)',
      [errno.EINVAL]: 'the kernel does not support the policy, or its flags and values do not match it',
      [errno.EBUSY]: 'the CPUs have no capacity for this deadline task: lower runtime, or raise period',
    },
    setIoPriority: { [errno.EPERM]: 'the class IOPRIO_CLASS_RT needs CAP_SYS_ADMIN or CAP_SYS_NICE' },
  }),
  fields: {
    setScheduler: {
      policy: value => schedulerPolicies[Number(value)] ?? `${value}`,
      flags: value => bitNames(value, schedulerFlagBits).join('|'),
    },
    setIoPriority: { ioClass: value => ioClasses[Number(value) - 1] ?? `${value}` },
  },
};

// SPDX-License-Identifier: Apache-2.0
import { errno, errnoText } from '../errors/errno.ts';
import type { Report } from '../host/binding.d.ts';
import type { Config } from '../oci/config.ts';
import type { Step } from '../wire/steps.ts';
import { stepText } from './describe.ts';
import type { Explanation } from './explain.ts';

type SchedulingStep = Extract<
  Step,
  { op: 'setAffinity' | 'setScheduler' | 'setIoPriority' | 'setPersonality' | 'setMemoryPolicy' }
>;

export function explainScheduling(step: SchedulingStep, report: Report, config?: Config): Explanation {
  const text = errnoText(report.errno);
  const value = stepText(step);
  switch (step.op) {
    case 'setAffinity': {
      const which = step.origin.endsWith('/initial') ? 'initial' : 'final';
      return { code: 'container.affinity', message: `error setting ${which} CPU affinity: ${text}`, value };
    }
    case 'setScheduler': {
      const cpus = config?.linux?.resources?.cpu?.cpus ?? '';
      // The kernel allows the deadline policy only for tasks that may run on every CPU.
      const bound = report.errno === errno.EPERM && cpus !== '';
      const message = bound
        ? "process scheduler can't be used together with AllowedCPUs"
        : `error setting scheduler: ${text}`;
      return { code: 'container.scheduler', message, value };
    }
    case 'setIoPriority':
      return { code: 'container.io-priority', message: `failed to set io priority: ${text}`, value };
    case 'setPersonality':
      return { code: 'container.personality', message: `failed to set personality: ${text}`, value };
    case 'setMemoryPolicy':
      return { code: 'container.memory-policy', message: `set_mempolicy: ${text}`, value };
  }
}

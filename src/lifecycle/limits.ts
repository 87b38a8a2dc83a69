// SPDX-License-Identifier: Apache-2.0
import { onHost } from '../errors/system.ts';
import { limitText, rlimitName } from '../plan/decode-field.ts';
import type { Plan } from '../plan/plan.ts';
import { limitsMoment } from '../plan/rlimits.ts';
import type { Moments } from './rendezvous.ts';
import type { Runtime } from './runtime.ts';

/** The limits of a process that may not set them itself. */
export function limitMoments({ binding }: Runtime, plan: Plan): Moments {
  return {
    [limitsMoment]: ({ pid }) => {
      for (const step of plan.host) {
        if (step.op !== 'limitInit') continue;
        onHost(
          `error setting rlimit type ${step.resource}`,
          () => binding.limitProcess(pid, step.resource, String(step.soft), String(step.hard)),
          {
            code: 'container.rlimit',
            pointer: step.origin,
            value: `${rlimitName(step.resource)} soft=${limitText(step.soft)} hard=${limitText(step.hard)}`,
            hint: 'the hard limit cannot be raised without CAP_SYS_RESOURCE: ask for no more than the runtime has itself',
          },
        );
      }
    },
  };
}

// SPDX-License-Identifier: Apache-2.0
import { onHost } from '../errors/system.ts';
import { limitText, rlimitName } from '../plan/rlimits.ts';
import type { HostOperation } from './host-work.ts';

export const limitInit: HostOperation<'limitInit'> = {
  apply(steps, work) {
    const { binding } = work.runtime;
    const { pid } = work.init;
    for (const { resource, soft, hard, origin } of steps) {
      onHost(
        `error setting rlimit type ${resource}`,
        () => binding.limitProcess(pid, resource, String(soft), String(hard)),
        {
          code: 'container.rlimit',
          pointer: origin,
          value: `${rlimitName(resource)} soft=${limitText(soft)} hard=${limitText(hard)}`,
          hint: 'the hard limit cannot be raised without CAP_SYS_RESOURCE: use at most the hard limit of the runtime',
        },
      );
    }
  },
};

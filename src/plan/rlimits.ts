// SPDX-License-Identifier: Apache-2.0
import { RuntimeError } from '../errors/error.ts';
import { type RlimitName, rlimitNumbers } from '../oci/rlimits.ts';
import type { Step } from '../wire/steps.ts';
import type { ProcessContext } from './context.ts';

/**
 * process.rlimits, in their order.
 *
 * @throws RuntimeError `config.process.rlimit-type` for a type that the kernel does not have
 */
export function rlimitSteps({ process, origin }: ProcessContext): Step[] {
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

// SPDX-License-Identifier: Apache-2.0
import { RuntimeError } from '../errors/error.ts';
import type { Config } from '../oci/config.ts';
import { type RlimitName, rlimitNumbers } from '../oci/rlimits.ts';
import type { Step } from '../wire/steps.ts';

/**
 * process.rlimits, in their order.
 *
 * @throws RuntimeError `config.process.rlimit-type` for a type that the kernel does not have
 */
export function rlimitSteps(config: Config): Step[] {
  return (config.process.rlimits ?? []).map(({ type, soft, hard }, index) => {
    const origin = `/process/rlimits/${index}`;
    if (!Object.hasOwn(rlimitNumbers, type)) {
      throw new RuntimeError({
        code: 'config.process.rlimit-type',
        pointer: `${origin}/type`,
        value: type,
        spec: 'config.md#posix-process',
        message: `wrong rlimit value: ${type}`,
      });
    }
    return { op: 'setRlimit', origin, resource: rlimitNumbers[type as RlimitName], soft, hard };
  });
}

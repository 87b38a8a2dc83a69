// SPDX-License-Identifier: Apache-2.0

import { nearestWord } from '../../errors/spelling.ts';
import { rlimitNumbers } from '../../kernel/rlimits.ts';
import type { Check } from '../context.ts';

export const checkRlimits: Check = context => {
  const seen = new Map<string, number>();
  context.config.process?.rlimits?.forEach(({ type, soft, hard }, index) => {
    const pointer = `/process/rlimits/${index}`;
    const spec = 'config.md#posix-process';
    if (type === undefined) return;
    if (!Object.hasOwn(rlimitNumbers, type)) {
      const nearest = nearestWord(
        type.startsWith('RLIMIT_') ? type : `RLIMIT_${type}`,
        Object.keys(rlimitNumbers),
      );
      context.problem({
        code: 'config.process.rlimit-type',
        message: `wrong rlimit value: ${type}`,
        pointer: `${pointer}/type`,
        value: type,
        hint: nearest === undefined ? undefined : `did you mean ${nearest}?`,
        spec,
      });
    }
    const first = seen.get(type);
    if (first === undefined) seen.set(type, index);
    else {
      context.problem({
        code: 'config.process.rlimit-duplicate',
        message: `${type} is set twice`,
        pointer: `${pointer}/type`,
        value: type,
        hint: `the first entry is at /process/rlimits/${first}`,
        spec,
      });
    }
    if (soft !== undefined && hard !== undefined && soft > hard) {
      context.problem({
        code: 'config.process.rlimit-soft',
        message: `the soft limit ${soft} of ${type} is above its hard limit ${hard}`,
        pointer: `${pointer}/soft`,
        value: String(soft),
        spec,
      });
    }
  });
};

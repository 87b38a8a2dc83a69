// SPDX-License-Identifier: Apache-2.0

import { childPointer } from '../../bundle/pointer.ts';
import { nearestWord } from '../../errors/spelling.ts';
import { timeClocks } from '../../oci/config-linux.ts';
import type { Check } from '../context.ts';

const spec = 'config-linux.md#offset-for-time-namespace';

/** Offsets can be written only to a new time namespace, before a process is in it. */
export const checkTimeOffsets: Check = context => {
  // Any name is possible here, despite the type.
  const clocks = Object.keys(context.config.linux?.timeOffsets ?? {});
  const known: readonly string[] = timeClocks;
  for (const clock of clocks) {
    if (known.includes(clock)) continue;
    const meant = nearestWord(clock, known);
    context.problem({
      code: 'config.time-offsets',
      message: `no time namespace has an offset for a clock "${clock}"`,
      pointer: childPointer('/linux/timeOffsets', clock),
      value: clock,
      hint: meant === undefined ? `the clocks are ${known.join(' and ')}` : `did you mean ${meant}?`,
      spec,
    });
  }
  if (clocks.length === 0) return;
  const namespace = context.config.linux?.namespaces?.find(({ type }) => type === 'time');
  if (namespace === undefined) {
    context.problem({
      code: 'config.time-offsets',
      message: "time namespace offsets specified, but time namespace isn't enabled in the config",
      pointer: '/linux/timeOffsets',
      hint: 'add {"type": "time"} to linux.namespaces',
      spec,
    });
  } else if (namespace.path !== undefined && namespace.path !== '') {
    context.problem({
      code: 'config.time-offsets',
      message:
        'time namespace enabled, but both namespace path and time offsets specified -- you may only provide one',
      pointer: '/linux/timeOffsets',
      hint: 'the clocks of an existing time namespace cannot be changed',
      spec,
    });
  }
};

// SPDX-License-Identifier: Apache-2.0
import type { PlanOptions } from './context.ts';
import { moments } from './moments.ts';
import type { HostStep, When } from './plan.ts';

/** The times of host steps, in the order in which they come. `moments` is in the order of the container's steps. */
const order: readonly string[] = [
  'before',
  'after',
  ...Object.keys(moments),
  'ready',
  'poststart',
  'poststop',
];

/** The steps by the time at which the runtime performs them; those of one time keep their order. */
export function inOrder(steps: readonly HostStep[]): HostStep[] {
  const rank = (when: When): number => order.indexOf(when);
  return [...steps].sort((one, other) => rank(one.when) - rank(other.when));
}

/** How a process is told to those outside and resumed, in this order: the pid is known before its program runs. */
export function lastSteps({
  pidFile,
  pidfdSocket,
}: Pick<PlanOptions, 'pidFile' | 'pidfdSocket'>): HostStep[] {
  return [
    ...(pidFile === undefined
      ? []
      : [{ op: 'writePidFile', when: 'ready', path: pidFile, origin: '' } as const]),
    ...(pidfdSocket === undefined
      ? []
      : [{ op: 'sendPidfd', when: 'ready', path: pidfdSocket, origin: '' } as const]),
    { op: 'resumeInit', when: 'ready', origin: '' },
  ];
}

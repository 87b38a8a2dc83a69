// SPDX-License-Identifier: Apache-2.0
import type { PlanOptions } from './context.ts';
import type { HostStep, When } from './plan.ts';
import { syncPoints } from './sync-points.ts';

/** When host steps run, in execution order. `syncPoints` has the order of the container's steps. */
const order: readonly string[] = [
  'before',
  'after',
  ...Object.keys(syncPoints),
  'ready',
  'poststart',
  'poststop',
];

/** Sorts the steps by the time at which the runtime performs them, and keeps the order of steps with the same time. */
export function inOrder(steps: readonly HostStep[]): HostStep[] {
  const rank = (when: When): number => order.indexOf(when);
  return [...steps].sort((one, other) => rank(one.when) - rank(other.when));
}

/** The last host steps, in this order: the pid is published before the program runs. */
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

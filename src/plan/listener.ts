// SPDX-License-Identifier: Apache-2.0

import { SECCOMP_FILTER_FLAG } from '../kernel/seccomp.ts';
import type { Seccomp } from '../oci/seccomp.ts';
import type { Step } from '../wire/steps.ts';
import type { Facility, NoSteps } from './facility.ts';
import type { HostStep } from './plan.ts';

/** Steps of the runtime. */
export interface ListenerSteps {
  /** Gives the seccomp listener to the agent that listens at `path`. */
  readonly sendListener: { readonly when: 'seccomp'; readonly path: string; readonly metadata?: string };
}

/** The agent for the notifications of a filter with SCMP_ACT_NOTIFY. */
export type Listener = Pick<Seccomp, 'listenerPath' | 'listenerMetadata'>;

/** Returns true for a filter with a listener. */
export function hasListener({ flags }: { readonly flags: number | bigint }): boolean {
  return (Number(flags) & SECCOMP_FILTER_FLAG.SECCOMP_FILTER_FLAG_NEW_LISTENER) !== 0;
}

/** Host steps of a filter with a listener. */
export function listenerSteps(container: readonly Step[], listener: Listener | undefined): HostStep[] {
  if (listener === undefined) return [];
  if (!container.some(step => step.op === 'loadSeccomp' && hasListener(step))) return [];
  const { listenerPath = '', listenerMetadata } = listener;
  return [
    {
      op: 'sendListener',
      when: 'seccomp',
      path: listenerPath,
      ...(listenerMetadata !== undefined && { metadata: listenerMetadata }),
      origin: '/linux/seccomp/listenerPath',
    },
  ];
}

export const listenerFacility: Facility<NoSteps, ListenerSteps> = {
  steps: {},
  hostTexts: { sendListener: ({ path }) => `path=${path}` },
  explainHost: {
    sendListener: ({ path }) => ({
      attempt: 'failed to connect with seccomp agent specified in the seccomp profile',
      value: path,
      spec: 'config-linux.md#seccomp',
      hint: 'the agent must listen there, on a Unix stream socket, before the container is created',
    }),
  },
};

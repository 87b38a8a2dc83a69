// SPDX-License-Identifier: Apache-2.0
import type { PlanOptions } from './context.ts';
import type { Facility, NoSteps } from './facility.ts';
import type { HostStep } from './plan.ts';
import { listenHint } from './terminal.ts';

/** Steps of the runtime. */
export interface ResumeSteps {
  /** Makes the FIFO of `start`, full, and passes it to the init in the slot of `awaitStart`. */
  readonly makeStartFifo: { readonly when: 'before'; readonly slot: number };
  readonly writePidFile: { readonly when: 'ready'; readonly path: string };
  /** Sends a pidfd of the init to the socket at `path`. */
  readonly sendPidfd: { readonly when: 'ready'; readonly path: string };
  /**
   * Resumes the init, which then waits at the FIFO of `start` or executes its program. From here on it outlives the
   * runtime.
   */
  readonly resumeInit: { readonly when: 'ready' };
}

/** @param slot - of the FIFO; undefined if the program runs at once */
export function startFifoSteps(slot: number | undefined): HostStep[] {
  return slot === undefined ? [] : [{ op: 'makeStartFifo', when: 'before', origin: '', slot }];
}

/** Returns the last host steps, in this order: the pid is published before the program runs. */
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

/** The FIFO of `start`, the announcements of the pid, and the end of the wait. */
export const resumeFacility: Facility<NoSteps, ResumeSteps> = {
  steps: {},
  hostTexts: {
    resumeInit: () => '',
    makeStartFifo: ({ slot }) => `slot=${slot}`,
    writePidFile: ({ path }) => `path=${path}`,
    sendPidfd: ({ path }) => `path=${path}`,
  },
  explainHost: {
    makeStartFifo: (_, { path }) => ({ attempt: `unable to make the FIFO ${path}` }),
    writePidFile: ({ path }) => ({ attempt: `unable to write the pid file ${path}` }),
    sendPidfd: ({ path }) => ({
      attempt: `unable to send the pidfd to the socket ${path}`,
      hint: listenHint,
    }),
  },
};

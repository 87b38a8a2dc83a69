// SPDX-License-Identifier: Apache-2.0
import { errno } from '../errors/errno.ts';
import type { Step } from '../wire/steps.ts';
import type { ProcessContext } from './context.ts';
import type { Facility } from './facility.ts';
import { keyLabelSteps } from './labels.ts';

/** Returns the steps that join the session keyring of container `id`, with the label of its processes. */
export function keyringSteps(context: Pick<ProcessContext, 'process' | 'origin'>, id: string): Step[] {
  return [...keyLabelSteps(context), { op: 'joinSessionKeyring', origin: '', name: `_ses.${id}` }];
}

const steps = {
  /**
   * Joins a new session keyring of this name, which the container's user may search. Skipped by kernels without
   * keyrings.
   */
  joinSessionKeyring: { name: 'text' },
} as const;

/** The session keyring. */
export const keyringFacility: Facility<typeof steps> = {
  steps,
  explain: {
    joinSessionKeyring: ({ name }, { called }) => ({
      code: 'container.keyring',
      message: `unable to join session keyring: ${called}`,
      value: name,
    }),
  },
  hints: () => ({
    joinSessionKeyring: {
      [errno.EDQUOT]:
        'raise the sysctls kernel.keys.maxkeys and kernel.keys.maxbytes, or use --no-new-keyring',
    },
  }),
};

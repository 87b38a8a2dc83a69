// SPDX-License-Identifier: Apache-2.0
import type { Linux } from '../oci/config.ts';
import type { Step } from '../wire/steps.ts';
import type { Facility } from './facility.ts';

/** PER_LINUX32 of linux/personality.h. */
const linux32 = 8;

/** linux.personality, which applies to every process of the container. */
export function personalitySteps({ personality }: Linux): Step[] {
  if (personality === undefined) return [];
  const persona = personality.domain === 'LINUX32' ? linux32 : 0;
  return [{ op: 'setPersonality', origin: '/linux/personality', persona }];
}

const steps = {
  /** personality(2). */
  setPersonality: { persona: 'number' },
} as const;

/** The execution domain. */
export const personalityFacility: Facility<typeof steps> = {
  steps,
  explain: {
    setPersonality: (_, { text, stepText }) => ({
      code: 'container.personality',
      message: `failed to set personality: ${text}`,
      value: stepText(),
    }),
  },
  fields: {
    setPersonality: { persona: value => (Number(value) === linux32 ? 'PER_LINUX32' : 'PER_LINUX') },
  },
};

// SPDX-License-Identifier: Apache-2.0
import { allowedWordHint, isOneOf } from '../errors/spelling.ts';
import { PER } from '../kernel/personality.ts';
import type { Linux } from '../oci/config.ts';
import { string, strings } from '../oci/shape.ts';
import type { Check } from '../validate/context.ts';
import type { Step } from '../wire/steps.ts';
import type { Facility } from './facility.ts';

/** A member of `linux`. */
export interface PersonalityProperty {
  readonly personality?: Personality;
}

const domains = ['LINUX', 'LINUX32'] as const;

/** personality(2). config-linux.md#personality */
interface Personality {
  readonly domain?: (typeof domains)[number];
  readonly flags?: readonly string[];
}

const spec = 'config-linux.md#personality';

/** linux.personality, which applies to every process of the container. */
function personalitySteps({ personality }: Linux): Step[] {
  if (personality === undefined) return [];
  const persona = personality.domain === 'LINUX32' ? PER.PER_LINUX32 : PER.PER_LINUX;
  return [{ op: 'setPersonality', origin: '/linux/personality', persona }];
}

const checkPersonality: Check = context => {
  const personality = context.config.linux?.personality;
  if (personality === undefined) return;
  const domain: string = personality.domain ?? '';
  if (!isOneOf(domain, domains)) {
    context.problem({
      code: 'config.personality',
      message: `invalid personality domain ${domain}`,
      pointer: `/linux/personality${personality.domain === undefined ? '' : '/domain'}`,
      value: domain,
      hint: allowedWordHint(domain, domains),
      spec,
    });
  }
  const { flags = [] } = personality;
  if (flags.length > 0) {
    context.warn({
      code: 'config.personality',
      message: `ignoring unsupported personality flags: [${flags.join(' ')}]`,
      pointer: '/linux/personality/flags',
      hint: 'the specification defines no flags: remove the list',
      spec,
    });
  }
};

const steps = {
  /** personality(2). */
  setPersonality: { persona: 'number' },
} as const;

/** The execution domain. */
export const personalityFacility: Facility<typeof steps> = {
  steps,
  shapes: {
    linux: { personality: { kind: 'object', spec, properties: { domain: string, flags: strings } } },
  },
  shared: personalitySteps,
  check: checkPersonality,
  explain: {
    setPersonality: (_, { text, stepText }) => ({
      code: 'container.personality',
      message: `failed to set personality: ${text}`,
      value: stepText(),
    }),
  },
  fields: {
    setPersonality: { persona: value => (Number(value) === PER.PER_LINUX32 ? 'PER_LINUX32' : 'PER_LINUX') },
  },
};

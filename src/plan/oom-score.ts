// SPDX-License-Identifier: Apache-2.0
import type { ProcessContext } from './context.ts';
import type { Facility, NoSteps } from './facility.ts';
import type { HostStep } from './plan.ts';

/** Steps of the runtime. */
export interface OomScoreSteps {
  /**
   * Writes the init's oom_score_adj after the clone. A runtime without root cannot write that file: it writes its own
   * before the clone, and the init inherits it.
   */
  readonly setOomScoreAdj: { readonly when: 'before' | 'after'; readonly value: number };
  /** Restores the runtime's own oom_score_adj. */
  readonly restoreOomScoreAdj: { readonly when: 'after' };
}

/** process.oomScoreAdj */
export function oomScoreSteps({ process, facts, origin }: ProcessContext): HostStep[] {
  const value = process.oomScoreAdj;
  if (value === undefined) return [];
  const step = { op: 'setOomScoreAdj', value, origin: origin('oomScoreAdj') } as const;
  if (facts.euid === 0) return [{ ...step, when: 'after' }];
  return [
    { ...step, when: 'before' },
    { op: 'restoreOomScoreAdj', when: 'after', origin: step.origin },
  ];
}

export const oomScoreFacility: Facility<NoSteps, OomScoreSteps> = {
  steps: {},
  hostTexts: { restoreOomScoreAdj: () => '', setOomScoreAdj: ({ value }) => `value=${value}` },
  explainHost: {
    setOomScoreAdj: ({ value }) => ({
      attempt: `unable to set oom_score_adj to ${value}`,
      value: String(value),
      spec: 'config.md#linux-process',
      hint: 'a value below that of the runtime itself needs CAP_SYS_RESOURCE',
    }),
  },
};

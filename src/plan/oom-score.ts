// SPDX-License-Identifier: Apache-2.0
import type { ProcessContext } from './context.ts';
import type { HostStep } from './plan.ts';

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

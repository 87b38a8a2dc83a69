// SPDX-License-Identifier: Apache-2.0
import type { ProcessContext } from './context.ts';
import type { HostStep } from './plan.ts';

/** process.oomScoreAdj */
export function oomScoreSteps({ process, facts, origin }: ProcessContext): HostStep[] {
  const value = process.oomScoreAdj;
  if (value === undefined) return [];
  const when = facts.euid === 0 ? 'after' : 'before';
  return [{ op: 'setOomScoreAdj', when, value, origin: origin('oomScoreAdj') }];
}

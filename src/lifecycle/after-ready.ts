// SPDX-License-Identifier: Apache-2.0
import type { Plan } from '../plan/plan.ts';
import type { InitRecord } from './record.ts';

/**
 * The steps that are still to come at `start`, so that a failure then can name its place in config.json without the
 * plan being made again. Only what a message needs is kept: not the environment, which may be large and secret, and not
 * the filter.
 */
export function keepForStart(plan: Plan): InitRecord['afterReady'] {
  // A program that runs at once has failed by then, or never will.
  if (plan.spawn.fifos === undefined) return { first: 0, steps: [] };
  const first = plan.container.findIndex(({ op }) => op === 'ready') + 1;
  const steps = plan.container.slice(first).map(step => {
    if (step.op === 'loadSeccomp') return { ...step, program: [] };
    return step.op === 'execute' || step.op === 'runHook' ? { ...step, env: [] } : step;
  });
  return { first, steps };
}

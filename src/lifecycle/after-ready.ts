// SPDX-License-Identifier: Apache-2.0
import type { Plan } from '../plan/plan.ts';

/** The steps that are still to come at `start`. */
export interface AfterReady {
  /** The number of the first of them in the plan. */
  readonly first: number;
  readonly steps: readonly unknown[];
}

/**
 * The steps that are still to come at `start`, so that a failure then can name its place in config.json without the
 * plan being made again. Only what a message needs is kept: not the environment, which may be large and secret, and not
 * the filter.
 */
export function keepForStart(plan: Plan): AfterReady {
  const first = plan.container.findIndex(({ op }) => op === 'ready') + 1;
  const steps = plan.container.slice(first).map(step => {
    if (step.op === 'loadSeccomp') return { ...step, program: [] };
    return step.op === 'execute' || step.op === 'runHook' ? { ...step, env: [] } : step;
  });
  return { first, steps };
}

// SPDX-License-Identifier: Apache-2.0
import { RuntimeError } from '../errors/error.ts';
import type { Report } from '../host/binding.d.ts';
import { explainFailure } from '../plan/explain.ts';
import type { Plan } from '../plan/plan.ts';
import type { Step } from '../wire/steps.ts';
import type { InitRecord } from './record.ts';

/**
 * The steps that are still to come at `start`, so that a failure then can name its place in config.json without the
 * plan being made again. Only what a message needs is kept: not the environment, which may be large and secret.
 */
export function keepForStart(plan: Plan): InitRecord['afterReady'] {
  const first = plan.container.findIndex(({ op }) => op === 'ready') + 1;
  const steps = plan.container
    .slice(first)
    .map(step => (step.op === 'execute' ? { ...step, env: [] } : step));
  return { first, steps };
}

/** The failure of one of those steps. */
export function explainLate(init: InitRecord, report: Report): RuntimeError {
  const container: Step[] = [];
  for (const [index, step] of init.afterReady.steps.entries()) {
    container[init.afterReady.first + index] = step as Step;
  }
  const spawn = { cloneFlags: 0, preserveFds: 0 };
  return new RuntimeError(explainFailure({ host: [], spawn, container, warnings: [] }, report));
}

// SPDX-License-Identifier: Apache-2.0
import { RuntimeError } from '../errors/error.ts';
import type { Report } from '../host/binding.d.ts';
import { explainFailure } from '../plan/explain.ts';
import type { Step } from '../wire/steps.ts';
import type { InitRecord } from './record.ts';

/** The failure of one of the steps that `keepForStart` kept. */
export function explainLate(init: InitRecord, report: Report): RuntimeError {
  const container: Step[] = [];
  for (const [index, step] of init.afterReady.steps.entries()) {
    container[init.afterReady.first + index] = step as Step;
  }
  const spawn = { cloneFlags: 0, preserveFds: 0 };
  return new RuntimeError(explainFailure({ host: [], spawn, container, warnings: [] }, report));
}

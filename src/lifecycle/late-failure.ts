// SPDX-License-Identifier: Apache-2.0
import { RuntimeError } from '../errors/error.ts';
import type { Report } from '../host/binding.d.ts';
import { explainFailure } from '../plan/explain.ts';
import type { Step } from '../wire/steps.ts';
import { readLater } from './later.ts';
import type { Runtime } from './runtime.ts';

/** The failure of one of the steps that `keepForStart` kept. */
export function explainLate(runtime: Runtime, id: string, report: Report): RuntimeError {
  const container: Step[] = [];
  const { first, steps } = readLater(runtime, id)?.afterReady ?? { first: 0, steps: [] };
  for (const [index, step] of steps.entries()) container[first + index] = step as Step;
  const spawn = { cloneFlags: 0, preserveFds: 0 };
  return new RuntimeError(explainFailure({ host: [], spawn, container, warnings: [] }, report));
}

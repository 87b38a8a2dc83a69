// SPDX-License-Identifier: Apache-2.0
import type { Step } from '../wire/steps.ts';
import type { ProcessContext } from './context.ts';
import type { Plan, PlanWarning } from './plan.ts';
import { processSteps } from './process.ts';

/** What an executed process needs to know of its container. */
export interface ExecOptions {
  /** Of the container. */
  readonly id: string;
  /** The container has no session keyring of its own. Default false. */
  readonly noNewKeyring?: boolean;
  /** How many descriptors from 3 on the process gets. Default 0. */
  readonly preserveFds?: number;
}

/** Compiles a checked process into the ordered work of `exec`, for an init born in the container. Pure, as makePlan is. */
export function makeExecPlan(context: Omit<ProcessContext, 'warn'>, options: ExecOptions): Plan {
  const warnings: PlanWarning[] = [];
  const { facts, process, origin, seccomp } = context;
  const container: Step[] = [];
  if (facts.ignoredSignals !== 0n) {
    container.push({ op: 'resetSignals', origin: '', mask: facts.ignoredSignals });
  }
  if (!options.noNewKeyring) {
    container.push({ op: 'joinSessionKeyring', origin: '', name: `_ses.${options.id}` });
  }
  const warn = (pointer: string, message: string): void => void warnings.push({ pointer, message });
  container.push(...processSteps({ process, seccomp, facts, origin, warn }, {}));
  const { oomScoreAdj } = process;
  return {
    host:
      oomScoreAdj === undefined
        ? []
        : [{ op: 'setOomScoreAdj', when: 'after', value: oomScoreAdj, origin: origin('oomScoreAdj') }],
    spawn: { cloneFlags: 0, preserveFds: options.preserveFds ?? 0 },
    container,
    warnings,
  };
}

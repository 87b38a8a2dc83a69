// SPDX-License-Identifier: Apache-2.0
import { errno } from '../errors/errno.ts';
import { hostFailure, isSystemError } from '../errors/system.ts';
import type { Binding } from '../host/binding.d.ts';
import type { HostStep, Plan } from '../plan/plan.ts';

type SetOomScoreAdj = Extract<HostStep, { op: 'setOomScoreAdj' }>;

/** Of an init that is there. One that has ended is no failure: why, its report tells. */
export function setOomScoreAdj(binding: Binding, step: SetOomScoreAdj, pid: number, index: number): void {
  try {
    binding.writeText(`/proc/${pid}/oom_score_adj`, String(step.value), 0, 0);
  } catch (error) {
    if (isSystemError(error) && (error.errno === errno.ENOENT || error.errno === errno.ESRCH)) return;
    throw refusal(step, index, error);
  }
}

/** Of one that is to be born: our own, until what is returned is called. */
export function lendOomScore(binding: Binding, { host }: Plan): () => void {
  const index = host.findIndex(({ op, when }) => op === 'setOomScoreAdj' && when === 'before');
  const step = host[index];
  if (step?.op !== 'setOomScoreAdj') return () => {};
  const path = '/proc/self/oom_score_adj';
  try {
    const own = binding.readText(path).trim();
    binding.writeText(path, String(step.value), 0, 0);
    return () => binding.writeText(path, own, 0, 0);
  } catch (error) {
    throw refusal(step, index, error);
  }
}

function refusal({ value, origin }: SetOomScoreAdj, index: number, error: unknown): unknown {
  if (!isSystemError(error)) return error;
  return hostFailure(error, `unable to set oom_score_adj to ${value}`, {
    pointer: origin,
    step: index,
    value: String(value),
    spec: 'config.md#linux-process',
    hint: 'a value below that of the runtime itself needs CAP_SYS_RESOURCE',
  });
}

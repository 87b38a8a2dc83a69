// SPDX-License-Identifier: Apache-2.0
import { RuntimeError } from '../errors/error.ts';
import { onHost } from '../errors/system.ts';
import { openReadOnly } from '../host/files.ts';
import { hostTreesMoment, mapTreeMoment } from '../plan/host-trees.ts';
import type { HostStep } from '../plan/plan.ts';
import { timeOffsetsMoment } from '../plan/time-namespace.ts';
import { mapIdsMoment } from '../plan/user-namespace.ts';
import { type HookSubject, runHostHook } from './hooks.ts';
import { cloneHostTrees, mapTree } from './host-trees.ts';
import { mapIds } from './id-maps.ts';
import { limitMoments } from './limits.ts';
import type { Prepared } from './prepare.ts';
import type { Moments } from './rendezvous.ts';
import type { Runtime } from './runtime.ts';

type WriteTimeOffsets = Extract<HostStep, { op: 'writeTimeOffsets' }>;

/**
 * What the host does while a new init waits: the plan's host steps of that place, in their order. At `mapIds` it is in a
 * new user namespace and nowhere else, at `hostTrees` in all its namespaces; at `runtime` namespaces, mounts and devices
 * are there and the root is not yet entered.
 *
 * @param beforeHooks - hooks may change what it does: those of vendors put device rules of their own before ours
 */
export function createMoments(
  runtime: Runtime,
  prepared: Pick<Prepared, 'plan' | 'config'>,
  subject: HookSubject,
  beforeHooks: () => void,
): Moments {
  const { plan } = prepared;
  return {
    [mapIdsMoment]: ({ pid }) => {
      for (const step of plan.host) if (step.op === 'mapIds') mapIds(runtime, step, pid);
    },
    [timeOffsetsMoment]: ({ pid }) => {
      for (const step of plan.host)
        if (step.op === 'writeTimeOffsets') return [timeNamespace(runtime, step, pid)];
      return [];
    },
    [hostTreesMoment]: ({ pid }) => cloneHostTrees(runtime, prepared, pid),
    [mapTreeMoment]: waiting => mapTree(runtime, prepared, waiting),
    ...limitMoments(runtime, plan),
    runtime: ({ pid }) => {
      beforeHooks();
      for (const step of plan.host) {
        if (step.when !== 'runtime') continue;
        try {
          // Prestart hooks were once part of start, and programs written for that still expect to hear so.
          const status = step.kind === 'prestart' ? 'created' : 'creating';
          runHostHook(runtime, step.kind, step.index, step.hook, subject, status, pid);
        } catch (error) {
          if (!(error instanceof RuntimeError)) throw error;
          throw error.with({ message: `error during container init: ${error.message}` });
        }
      }
    },
  };
}

/** The namespace that the children of the init would be born in, with its offsets. */
function timeNamespace({ binding }: Runtime, step: WriteTimeOffsets, pid: number): number {
  const { offsets, origin } = step;
  if (offsets !== '') {
    const path = `/proc/${pid}/timens_offsets`;
    onHost('unable to write the time offsets', () => binding.writeText(path, offsets, 0, 0), {
      pointer: origin,
      value: offsets.trim().replaceAll('\n', ', '),
      spec: 'config-linux.md#offset-for-time-namespace',
      hint: 'the clocks must not go below 0',
    });
  }
  return openReadOnly(binding, `/proc/${pid}/ns/time_for_children`);
}

// SPDX-License-Identifier: Apache-2.0
import { RuntimeError } from '../errors/error.ts';
import { type HookSubject, runHostHook } from './hooks.ts';
import type { Prepared } from './prepare.ts';
import type { Runtime } from './runtime.ts';
import type { Moments } from './spawn.ts';

/**
 * What the host does while a new init waits. At `runtime`, when namespaces, mounts and devices are there and the root
 * is not yet entered: the plan's host steps of that place, in their order.
 *
 * @param beforeHooks - hooks may change what it does: those of vendors put device rules of their own before ours
 */
export function createMoments(
  runtime: Runtime,
  { plan }: Pick<Prepared, 'plan'>,
  subject: HookSubject,
  beforeHooks: () => void,
): Moments {
  return {
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

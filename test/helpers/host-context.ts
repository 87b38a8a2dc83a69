// SPDX-License-Identifier: Apache-2.0
import type { Console } from '../../src/lifecycle/console.ts';
import { HostContext, WaitingInit } from '../../src/lifecycle/host-context.ts';
import type { ContainerRecord } from '../../src/lifecycle/record.ts';
import type { Runtime } from '../../src/lifecycle/runtime.ts';
import type { HostStep } from '../../src/plan/plan.ts';
import { type SyncPoint, syncAt } from '../../src/plan/sync-points.ts';
import type { Step } from '../../src/wire/steps.ts';

/** Input of one host operation that runs outside of a `create`. */
export function hostContext(
  runtime: Runtime,
  given: {
    readonly host?: readonly HostStep[];
    /** Steps of the init. Default: none. */
    readonly container?: readonly Step[];
    readonly record?: Partial<ContainerRecord>;
    readonly console?: Console;
    /** The cloned init. Default: none. */
    readonly pid?: number;
    /** The sync point at which the init waits, the data it has sent, and the slots that it receives. */
    readonly at?: readonly [
      SyncPoint,
      number | undefined,
      { readonly into: number; readonly count: number }?,
    ];
  } = {},
): HostContext {
  const context = new HostContext({
    runtime,
    plan: {
      host: given.host ?? [],
      spawn: { cloneFlags: 0, preserveFds: 0 },
      container: given.container ?? [],
      warnings: [],
    },
    console: given.console ?? {},
    subject: { id: 'web', bundle: '/bundle', status: () => 'creating' },
    record: {
      version: 2,
      id: 'web',
      bundle: '/bundle',
      rootfs: '/bundle/rootfs',
      created: '',
      sharedPidNamespace: false,
      ...given.record,
    },
  });
  if (given.pid !== undefined) context.cloned({ pid: given.pid, pidfd: 2, channel: 3 });
  if (given.at !== undefined)
    context.waiting = new WaitingInit(given.at[0], syncAt(given.at[0], '/at', given.at[2]), given.at[1]);
  return context;
}

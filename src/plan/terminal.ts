// SPDX-License-Identifier: Apache-2.0
import type { Step } from '../wire/steps.ts';
import type { ProcessContext } from './context.ts';
import type { HostStep } from './plan.ts';
import { syncAt } from './sync-points.ts';

/** Differences between a container's own terminal and that of an executed process. */
export interface TerminalOptions {
  /** Slot of the master until the runtime receives it. */
  readonly slot: number;
  /** Mounts the terminal at /dev/console, as the specification requires for the container's own. */
  readonly console: boolean;
}

/**
 * Opens the terminal in the container's own devpts and sends its master to the host at once. `useTerminal` follows
 * later with the other steps of the process. Empty without `process.terminal`.
 */
export function terminalSteps({ process, origin }: ProcessContext, options: TerminalOptions): Step[] {
  if (!process.terminal) return [];
  const { height, width } = process.consoleSize ?? { height: 0, width: 0 };
  return [
    {
      op: 'openTerminal',
      origin: origin('terminal'),
      path: '/dev/pts/ptmx',
      console: options.console ? '/dev/console' : '',
      slot: options.slot,
      height,
      width,
      uid: process.user.uid,
    },
    syncAt('console', origin('terminal'), { slot: options.slot }),
  ];
}

/** Host steps of the terminal. */
export function terminalHostSteps({ process, origin }: ProcessContext): HostStep[] {
  if (!process.terminal) return [];
  return [{ op: 'takeTerminal', when: 'console', origin: origin('terminal') }];
}

// SPDX-License-Identifier: Apache-2.0
import type { Step } from '../wire/steps.ts';
import type { ProcessContext } from './context.ts';
import { waitFor } from './moments.ts';
import type { HostStep } from './plan.ts';

/** What tells a container's own terminal from that of a process executed in it. */
export interface TerminalOptions {
  /** Holds the master until it is handed over. */
  readonly slot: number;
  /** Mounts the terminal at /dev/console, as the specification asks of the container's own. */
  readonly console: boolean;
}

/**
 * The terminal is made in the container's own devpts, and its master handed over to the host at once; `useTerminal`
 * comes much later, with the rest of the process. Empty without `process.terminal`.
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
    waitFor('console', origin('terminal'), { slot: options.slot }),
  ];
}

/** The host's part of it. */
export function terminalHostSteps({ process, origin }: ProcessContext): HostStep[] {
  if (!process.terminal) return [];
  return [{ op: 'takeTerminal', when: 'console', origin: origin('terminal') }];
}

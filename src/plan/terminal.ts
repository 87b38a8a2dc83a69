// SPDX-License-Identifier: Apache-2.0
import type { Step } from '../wire/steps.ts';
import type { ProcessContext } from './context.ts';

/** The moment at which the host gets the master of the terminal. */
export const consoleMoment = 'console';

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
    {
      op: 'rendezvous',
      origin: origin('terminal'),
      moment: consoleMoment,
      slot: options.slot,
      into: 0,
      count: 0,
    },
  ];
}

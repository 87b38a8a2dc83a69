// SPDX-License-Identifier: Apache-2.0

import { errno } from '../errors/errno.ts';
import type { Step } from '../wire/steps.ts';
import type { ProcessContext } from './context.ts';
import type { Facility } from './facility.ts';
import type { HostStep } from './plan.ts';
import { syncAt } from './sync-points.ts';

/** The cause of a socket that refuses a descriptor. */
export const listenHint = 'a process must listen there, on a Unix stream socket';

/** Steps of the runtime. */
export interface TerminalHostSteps {
  /** Receives the master of the terminal, for the caller's socket or the runtime's terminal. */
  readonly takeTerminal: { readonly when: 'console' };
}

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

const steps = {
  /**
   * Opens a terminal in the devpts whose ptmx is `path` in the root (ENODEV if it is not one), and keeps the master
   * in `slot`, from which `sync` sends it. The slave, opened through the master and not by path, gets the owner
   * `uid` and `height` rows and `width` columns (unless one is 0), and is mounted over `console` in the root (unless
   * that is empty); a missing file is created.
   */
  openTerminal: {
    path: 'text',
    console: 'text',
    slot: 'number',
    height: 'number',
    width: 'number',
    uid: 'number',
  },
  /** Makes the slave of openTerminal the controlling terminal of the session and the descriptors 0, 1 and 2. */
  useTerminal: {},
} as const;

/** The terminal. */
export const terminalFacility: Facility<typeof steps, TerminalHostSteps> = {
  steps,
  explain: {
    openTerminal: ({ path }, { called }) => ({
      code: 'container.terminal',
      message: `unable to make the terminal: ${called}`,
      value: path,
    }),
    useTerminal: (_, { called }) => ({
      code: 'container.terminal',
      message: `unable to set the controlling terminal: ${called}`,
    }),
  },
  hints: () => ({
    openTerminal: {
      [errno.ENOENT]: 'the container has no terminals: mount a devpts on /dev/pts',
      [errno.ENODEV]: '/dev/pts/ptmx is not that of a devpts: mount a devpts on /dev/pts',
      [errno.ENOSPC]: 'all terminals are in use: see the devpts option max and the sysctl kernel.pty.max',
      [errno.EACCES]: 'the mode of ptmx forbids its use: mount the devpts with ptmxmode=0666',
      [errno.EROFS]: '/dev/console is missing and cannot be made on a read-only file system',
      [errno.ELOOP]: '/dev/console must be a file and not a symbolic link',
      [errno.EINVAL]: 'the user namespace does not map the user of the container',
    },
  }),
  hostTexts: { takeTerminal: () => '' },
};

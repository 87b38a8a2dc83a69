// SPDX-License-Identifier: Apache-2.0
import type { Step } from '../wire/steps.ts';

/**
 * The moments at which the init and the runtime synchronise. At each the init stops at a step of the plan, and the
 * runtime performs the host steps whose `when` is that moment, in the order of the plan:
 *
 *     init                                            runtime
 *       |  waiting at step N, with one descriptor  ----->  finds the step's moment
 *       |  (`sends`, or none)                              host steps of that moment
 *       |  <-----  resume, with descriptors (`receives`, or none)
 *       |  next step
 *       ...
 *       |  ready  -------------------------------------->  host steps of `ready`; the last one resumes the init
 *
 * The moments in the order of the container's steps:
 */
export const moments = {
  /** The init is in the runtime's cgroup; systemd moves it into its unit. */
  cgroup: { sends: undefined, receives: undefined },
  /** The init is in a new user namespace without mappings, and in no other new namespace except a pid namespace. */
  mapIds: { sends: undefined, receives: undefined },
  /** The init has unshared a time namespace that contains no process. */
  timeOffsets: { sends: undefined, receives: 'timeNamespace' },
  /** The init is in its network namespace. */
  network: { sends: undefined, receives: undefined },
  /** The init is in its mount namespace. Happens once for each part of the trees, first before any mount. */
  hostTrees: { sends: undefined, receives: 'tree' },
  /** The init has cloned one tree. Happens once for each of its host steps, in the order of the mounts. */
  mapTree: { sends: 'tree', receives: 'tree' },
  /** Namespaces, mounts and devices exist; the root is not yet entered. */
  runtime: { sends: undefined, receives: undefined },
  /** The root is entered, and the pid namespace to join is not: the runtime changes this process for the last time. */
  pidNamespace: { sends: undefined, receives: undefined },
  /** The terminal exists. */
  console: { sends: 'terminal', receives: undefined },
  /** The init is root of the user namespace and has its own limits. */
  limits: { sends: undefined, receives: undefined },
  /** The step `loadSeccomp` with a listener has loaded the filter. */
  seccomp: { sends: 'listener', receives: undefined },
} as const satisfies Readonly<Record<string, Exchange>>;

interface Exchange {
  /** Kind of descriptor that the init sends with its report. */
  readonly sends: string | undefined;
  /** Kind of descriptors that the runtime sends when it resumes the init. */
  readonly receives: string | undefined;
}

export type Moment = keyof typeof moments;

/** Kinds of descriptors that the init sends and receives. */
export type SentDescriptor = Exclude<(typeof moments)[Moment]['sends'], undefined>;
export type ReceivedDescriptor = Exclude<(typeof moments)[Moment]['receives'], undefined>;

/** The moment at which the init waits at this step; undefined for a step at which it does not wait. */
export function momentOf(step: Step | undefined): Moment | undefined {
  if (step?.op === 'loadSeccomp') return 'seccomp';
  if (step?.op !== 'rendezvous') return undefined;
  return isMoment(step.moment) ? step.moment : undefined;
}

function isMoment(name: string): name is Moment {
  return Object.hasOwn(moments, name);
}

/** Slots of the descriptors that are exchanged at a moment. Default of each: none. */
interface Slots {
  /** The init sends the descriptor in this slot. */
  readonly slot?: number;
  /** The runtime sends `count` descriptors for the slots from `into` on. */
  readonly into?: number;
  readonly count?: number;
}

/** The step of the init that waits for the host steps of a moment. */
export function waitFor(moment: Moment, origin: string, slots: Slots = {}): Step {
  const { slot = 0, into = 0, count = 0 } = slots;
  return { op: 'rendezvous', origin, moment, slot, into, count };
}

// SPDX-License-Identifier: Apache-2.0
import type { Step } from '../wire/steps.ts';
import type { Facility } from './facility.ts';

/**
 * The points at which the init and the runtime synchronise. At each the init stops at a step of the plan, and the
 * runtime performs the host steps whose `when` is that point, in the order of the plan:
 *
 *     init                                            runtime
 *       |  waiting at step N, with one descriptor  ----->  finds the step's sync point
 *       |  (`sends`, or none)                              host steps of that point
 *       |  <-----  resume, with descriptors (`receives`, or none)
 *       |  next step
 *       ...
 *       |  ready  -------------------------------------->  host steps of `ready`; the last one resumes the init
 *
 * The points in the order of the container's steps:
 */
export const syncPoints = {
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
  /** The step `attachMount` has made a mount for a running container, and its report contains the mount's identity. */
  attachMount: { sends: undefined, receives: undefined },
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

export type SyncPoint = keyof typeof syncPoints;

/** Kinds of descriptors that the init sends and receives. */
export type SentDescriptor = Exclude<(typeof syncPoints)[SyncPoint]['sends'], undefined>;
export type ReceivedDescriptor = Exclude<(typeof syncPoints)[SyncPoint]['receives'], undefined>;

/** Returns the point at which the init waits at this step; undefined for a step at which it does not wait. */
export function syncPointOf(step: Step | undefined): SyncPoint | undefined {
  if (step?.op === 'loadSeccomp') return 'seccomp';
  if (step?.op === 'attachMount') return 'attachMount';
  if (step?.op !== 'sync') return undefined;
  return isSyncPoint(step.point) ? step.point : undefined;
}

function isSyncPoint(name: string): name is SyncPoint {
  return Object.hasOwn(syncPoints, name);
}

/** Slots of the descriptors that are exchanged at a sync point. Default of each: none. */
interface Slots {
  /** The init sends the descriptor in this slot. */
  readonly slot?: number;
  /** The runtime sends `count` descriptors for the slots from `into` on. */
  readonly into?: number;
  readonly count?: number;
}

/** Returns the step of the init that waits for the host steps of a sync point. */
export function syncAt(point: SyncPoint, origin: string, slots: Slots = {}): Step {
  const { slot = 0, into = 0, count = 0 } = slots;
  return { op: 'sync', origin, point, slot, into, count };
}

const steps = {
  /**
   * Reports `point` to the runtime and waits until the runtime has done its work: operations that only the host can
   * do at this point of the sequence. The descriptor in `slot` (0: none) is sent with the report and closed; the
   * answer contains `count` descriptors, which fill the slots from `into` on.
   */
  sync: { point: 'text', slot: 'number', into: 'number', count: 'number' },
} as const;

/** The synchronisation of init and runtime. */
export const syncFacility: Facility<typeof steps> = {
  steps,
};

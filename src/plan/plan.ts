// SPDX-License-Identifier: Apache-2.0
import type { Step } from '../wire/steps.ts';
import type { facilities } from './facilities.ts';
import { type SyncPoint, syncPoints } from './sync-points.ts';

/**
 * All steps for a container, in order, before any is performed. A pure value of the config and the host's facts: it can
 * be printed, compared and stored.
 */
export interface Plan {
  /** Performed by the runtime, outside of the container, in this order. */
  readonly host: readonly HostStep[];
  readonly spawn: SpawnPlan;
  /** Performed by the init, inside the container. A failure has its index in this list. */
  readonly container: readonly Step[];
  /** Requests that will not be applied as written: logged as warnings, never fatal. */
  readonly warnings: readonly PlanWarning[];
}

/** The executor's limit for the binary form of the container part. */
export const maxPlanBytes = 64 * 1024 * 1024;

/** Limit of warnings: a config of a megabyte can cause a hundred thousand. */
export const mostPlanWarnings = 1000;

export interface PlanWarning {
  readonly pointer: string;
  readonly message: string;
}

/**
 * The time at which the runtime performs a step: before the clone, while the init prepares itself (`after`, and
 * `connected` after it has waited at `network`), while the init waits, after it has prepared everything (`ready`), after
 * the exec (`poststart`), after the container is deleted (`poststop`). `lifecycle/perform-host-steps.ts` performs the steps of each time in the order of the plan.
 */
export type When = 'before' | 'after' | SyncPoint | 'connected' | 'ready' | 'poststart' | 'poststop';

/** When host steps run, in execution order. `syncPoints` has the order of the container's steps. */
export const times: readonly When[] = [
  'before',
  'after',
  ...(Object.keys(syncPoints) as SyncPoint[]).flatMap((point): When[] =>
    point === 'network' ? [point, 'connected'] : [point],
  ),
  'ready',
  'poststart',
  'poststop',
];

type Texts<Each = (typeof facilities)[number]> = Each extends { hostTexts?: infer Table }
  ? Table & object
  : never;
type KeysOf<Table> = Table extends object ? keyof Table : never;
type FieldsIn<Table, Op> = Table extends { readonly [Key in Op & string]: (step: infer Fields) => string }
  ? Fields
  : never;

/** Operations of the runtime. The file of each facility has their fields, their meaning and their texts. */
export type HostOperationName = KeysOf<Texts>;

type HostStepFields = { readonly [Op in HostOperationName]: FieldsIn<Texts, Op> };

/** One step of the runtime, with the place in config.json that requested it (`''` if none). */
export type HostStepOf<Op extends HostOperationName> = {
  readonly op: Op;
  readonly origin: string;
} & HostStepFields[Op];

export type HostStep = { [Op in HostOperationName]: HostStepOf<Op> }[HostOperationName];

export interface SpawnPlan {
  /**
   * CLONE_NEW* flags of clone3(2): every new namespace except cgroup (made later, inside its cgroup) and time; with a
   * user namespace only user and pid.
   */
  readonly cloneFlags: number;
  readonly preserveFds: number;
  /** Pointer of a new user namespace. Absent: the plan makes none. */
  readonly userNamespace?: string;
  /** Slot of the directory that is the init's root from the clone on. Absent: the runtime's root. */
  readonly rootSlot?: number;
  /** Slot of the FIFO of `awaitStart`; absent if the program runs at once. */
  readonly startFifo?: number;
}

/** Sorts the steps by the time at which the runtime performs them, and keeps the order of steps with the same time. */
export function inOrder(steps: readonly HostStep[]): HostStep[] {
  const rank = (when: When): number => times.indexOf(when);
  return [...steps].sort((one, other) => rank(one.when) - rank(other.when));
}

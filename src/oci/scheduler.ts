// SPDX-License-Identifier: Apache-2.0
import type { Integer } from './config.ts';

/** In the kernel's order: SCHED_OTHER is 0. */
export const schedulerPolicies = [
  'SCHED_OTHER',
  'SCHED_FIFO',
  'SCHED_RR',
  'SCHED_BATCH',
  'SCHED_ISO',
  'SCHED_IDLE',
  'SCHED_DEADLINE',
] as const;

/** In the kernel's order: the first is bit 0. */
export const schedulerFlags = [
  'SCHED_FLAG_RESET_ON_FORK',
  'SCHED_FLAG_RECLAIM',
  'SCHED_FLAG_DL_OVERRUN',
  'SCHED_FLAG_KEEP_POLICY',
  'SCHED_FLAG_KEEP_PARAMS',
  'SCHED_FLAG_UTIL_CLAMP_MIN',
  'SCHED_FLAG_UTIL_CLAMP_MAX',
] as const;

/** In the kernel's order: the first is 1. */
export const ioClasses = ['IOPRIO_CLASS_RT', 'IOPRIO_CLASS_BE', 'IOPRIO_CLASS_IDLE'] as const;

/** sched_setattr(2) of the process. config.md#linux-process */
export interface Scheduler {
  readonly policy: (typeof schedulerPolicies)[number];
  /** -20 to 19, for SCHED_OTHER and SCHED_BATCH. */
  readonly nice?: number;
  /** For SCHED_FIFO and SCHED_RR. */
  readonly priority?: number;
  readonly flags?: readonly (typeof schedulerFlags)[number][];
  /** Nanoseconds, for SCHED_DEADLINE. */
  readonly runtime?: Integer;
  readonly deadline?: Integer;
  readonly period?: Integer;
}

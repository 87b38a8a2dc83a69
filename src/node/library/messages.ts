// SPDX-License-Identifier: Apache-2.0
import type { ErrorFields } from '../../errors/error.ts';
import type { ContainerEvent } from '../../oci/stats.ts';
import type { Operations } from './operations.ts';

/** The settings of a Runtime that can be copied to another thread. */
export interface RuntimeSettings {
  /** Absolute. */
  readonly root: string;
  readonly systemdCgroup: boolean;
}

/** An operation for a thread; `args` are its arguments after the runtime. */
export interface Request {
  readonly settings: RuntimeSettings;
  readonly operation: keyof Operations | 'events';
  readonly args: readonly unknown[];
}

/** Messages of a thread: those of the log, then the result or the error. */
export type Answer =
  | { readonly kind: 'debug' | 'warn'; readonly message: string }
  | { readonly kind: 'event'; readonly event: ContainerEvent }
  | { readonly kind: 'result'; readonly value: unknown }
  | { readonly kind: 'failure'; readonly error: ErrorFields };

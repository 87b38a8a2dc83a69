// SPDX-License-Identifier: Apache-2.0
import type { Features } from '../../oci/features.ts';
import type { CheckReport } from '../../validate/report.ts';
import { attachmentOf, callerOf, type LibraryOptions, type NetworkOptions } from './container.ts';
import { checkNames } from './option-names.ts';
import { perform } from './threads.ts';

/** Options of {@link checkBundle}. */
export interface CheckOptions extends LibraryOptions, NetworkOptions {
  /** Checks only config.json and nothing else on the machine. Default false. */
  readonly offline?: boolean;
}

/**
 * Returns the report of the command `check`: everything that `create` would refuse in a bundle, and settings that
 * weaken its isolation. It changes nothing. Problems of the bundle are in the report and are not thrown.
 */
export async function checkBundle(bundle: string, options: CheckOptions = {}): Promise<CheckReport> {
  checkNames('checkBundle', options);
  const { systemdCgroup = false, offline = false } = options;
  const attachment = attachmentOf(options);
  return perform(callerOf(options), 'check', bundle, { offline, systemdCgroup, attachment });
}

/** A step of a plan. `op` is its kind, `origin` the pointer into config.json; the other members depend on the kind. */
export interface PlannedStep {
  readonly op: string;
  readonly origin: string;
  readonly [member: string]: unknown;
}

/** The steps of `create` and `start`, in this order: those of the runtime, then those of the container's init. */
export interface BundlePlan {
  readonly host: readonly PlannedStep[];
  readonly container: readonly PlannedStep[];
}

/**
 * Returns the steps that `create` and `start` of a bundle would perform, like the command `plan --format json`.
 *
 * @throws RuntimeError `bundle.*`, `config.*`
 */
export async function planBundle(
  bundle: string,
  options: LibraryOptions & NetworkOptions = {},
): Promise<BundlePlan> {
  checkNames('planBundle', options);
  return (await perform(callerOf(options), 'plan', bundle, attachmentOf(options))) as BundlePlan;
}

/** Returns the features document of the specification, like the command `features`. */
export async function features(): Promise<Features> {
  return perform(callerOf({}), 'features');
}

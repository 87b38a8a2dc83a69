// SPDX-License-Identifier: Apache-2.0
import type { HostFacts } from '../host/facts.ts';
import type { Step } from '../wire/steps.ts';
import type { Facility } from './facility.ts';
import { bitNames } from './flag-names.ts';

/** Signals that the runtime's caller ignores would stay ignored across exec. */
export function signalSteps({ ignoredSignals }: Pick<HostFacts, 'ignoredSignals'>): Step[] {
  return ignoredSignals === 0n ? [] : [{ op: 'resetSignals', origin: '', mask: ignoredSignals }];
}

/** Signals stay numbers: names would need a table per machine. */
function signalNumbers(mask: number | bigint): string {
  const names = bitNames(mask, {}).map(name => Number(name.slice('bit '.length)) + 1);
  return names.length === 0 ? 'none' : names.join(' ');
}

const steps = {
  /** Resets the signals in the mask (bit N-1 for signal N) to their default action. */
  resetSignals: { mask: 'number' },
  /** The kernel kills the program when the runtime exits. After the change of the user, which resets that. */
  endWithRuntime: {},
} as const;

/** Signals. */
export const signalsFacility: Facility<typeof steps> = {
  steps,
  fields: { resetSignals: { mask: signalNumbers } },
};

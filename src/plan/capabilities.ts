// SPDX-License-Identifier: Apache-2.0

import { errno } from '../errors/errno.ts';
import { type CapabilityName, capabilityNumbers } from '../kernel/capabilities.ts';
import type { Capabilities } from '../oci/config.ts';
import type { Step } from '../wire/steps.ts';
import type { ProcessContext } from './context.ts';
import type { Explanation, Facility } from './facility.ts';
import { bitNames } from './flag-names.ts';

/** The steps before and after setUser. Without `process.capabilities` there are none, which differs from empty sets. */
export interface CapabilityPlan {
  /** These need CAP_SETPCAP, which the change of user takes away. */
  readonly before: readonly Step[];
  /** The change of user clears the effective and the ambient set: set both again. */
  readonly after: readonly Step[];
}

/**
 * Returns the five sets of process.capabilities. A capability that tsubo or the kernel does not support, or that the
 * runtime does not have, is left out with one warning for all, as the specification requires.
 */
export function capabilityPlan(context: ProcessContext): CapabilityPlan {
  const sets = context.process.capabilities;
  if (sets === undefined) return { before: [], after: [] };
  const { bounding, permitted } = context.facts.capabilities;
  const at = context.origin('capabilities');
  // The init is executed: it has the runtime's permitted set, limited by the bounding set.
  const grantable = bounding & permitted;
  warnOfMissing(context, sets, name => (name === 'bounding' ? bounding : grantable));
  const keep = readSet(context, sets, 'bounding', bounding);
  const permit = readSet(context, sets, 'permitted', grantable);
  const inherit = readSet(context, sets, 'inheritable', grantable);
  const effective = readSet(context, sets, 'effective', grantable);
  return {
    before: [{ op: 'limitBoundingSet', origin: at, keep }],
    after: [
      { op: 'setCapabilities', origin: at, effective, permitted: permit, inheritable: inherit },
      { op: 'setAmbientSet', origin: at, mask: readAmbient(context, sets, grantable, permit & inherit) },
    ],
  };
}

function readSet(
  context: ProcessContext,
  sets: Capabilities,
  name: keyof Capabilities,
  available: bigint,
): bigint {
  let mask = 0n;
  for (const word of sets[name] ?? [])
    mask |= capabilityBit(word, context.facts.capabilities.last) & available;
  return mask;
}

/** One warning for all unavailable capabilities. The checks (validate) warn about unknown names. */
function warnOfMissing(
  context: ProcessContext,
  sets: Capabilities,
  kept: (name: keyof Capabilities) => bigint,
): void {
  const missing = new Set<string>();
  for (const name of setNames) {
    for (const word of sets[name] ?? []) {
      if (!Object.hasOwn(capabilityNumbers, word)) continue;
      const bit = capabilityBit(word, context.facts.capabilities.last);
      if ((bit & kept(name)) === 0n) missing.add(word);
    }
  }
  if (missing.size === 0) return;
  context.warn(
    context.origin('capabilities'),
    `ignoring unavailable capabilities, which the runtime or the kernel does not have: ${[...missing].join(', ')}`,
  );
}

const setNames = ['bounding', 'permitted', 'inheritable', 'effective', 'ambient'] as const;

/** The kernel raises only capabilities that are permitted and inheritable. */
function readAmbient(
  context: ProcessContext,
  sets: Capabilities,
  available: bigint,
  raisable: bigint,
): bigint {
  const wanted = readSet(context, sets, 'ambient', available);
  sets.ambient?.forEach((word, index) => {
    const bit = capabilityBit(word, context.facts.capabilities.last) & wanted;
    if (bit !== 0n && (bit & raisable) === 0n) {
      context.warn(
        context.origin('capabilities', 'ambient', index),
        `can't raise ambient capability ${word}: it is not both permitted and inheritable`,
      );
    }
  });
  return wanted & raisable;
}

/** 0 for a name that tsubo or the kernel does not support. */
function capabilityBit(name: string, last: number): bigint {
  if (!Object.hasOwn(capabilityNumbers, name)) return 0n;
  const number = capabilityNumbers[name as CapabilityName];
  return number > last ? 0n : 1n << BigInt(number);
}

export function capabilityNames(mask: number | bigint): string {
  return BigInt(mask) === 0n ? 'none' : bitNames(mask, capabilityNumbers).join('|');
}

function capabilityFailure(text: string, value: string): Explanation {
  return { code: 'container.capabilities', message: `unable to apply caps: ${text}`, value };
}

const steps = {
  /** Drops every capability that is not in `keep` from the bounding set. */
  limitBoundingSet: { keep: 'number' },
  /** capset(2): the sets as bit masks. */
  setCapabilities: { effective: 'number', permitted: 'number', inheritable: 'number' },
  /** Clears the ambient set and raises each of `mask`. */
  setAmbientSet: { mask: 'number' },
} as const;

/** Capabilities. */
export const capabilitiesFacility: Facility<typeof steps> = {
  steps,
  explain: {
    limitBoundingSet: (_, { text, stepText }) => ({
      code: 'container.capabilities',
      message: `unable to apply bounding set: ${text}`,
      value: stepText(),
    }),
    setCapabilities: (_, { text, stepText }) => capabilityFailure(text, stepText()),
    setAmbientSet: (_, { text, stepText }) => capabilityFailure(text, stepText()),
  },
  hints: () => ({
    limitBoundingSet: { [errno.EPERM]: 'the runtime needs CAP_SETPCAP' },
    setCapabilities: {
      [errno.EPERM]:
        'the effective set must lie within the permitted one, and the inheritable one within the bounding one',
    },
  }),
  fields: {
    limitBoundingSet: { keep: capabilityNames },
    setCapabilities: {
      effective: capabilityNames,
      permitted: capabilityNames,
      inheritable: capabilityNames,
    },
    setAmbientSet: { mask: capabilityNames },
  },
};

// SPDX-License-Identifier: Apache-2.0
import { type CapabilityName, capabilityNumbers } from '../oci/capabilities.ts';
import type { Capabilities } from '../oci/config.ts';
import type { Step } from '../wire/steps.ts';
import type { ProcessContext } from './context.ts';

/** The steps around the change of user; none at all without `process.capabilities`, which is not the same as empty sets. */
export interface CapabilityPlan {
  /** While CAP_SETPCAP is still there. */
  readonly before: readonly Step[];
  /** The change of user empties the effective set and the ambient one. */
  readonly after: readonly Step[];
}

/**
 * The five sets of process.capabilities. A capability that is unknown to us or to the kernel, or that we do not have
 * ourselves, cannot be given: it is left out with a warning, as the specification asks.
 */
export function capabilityPlan(context: ProcessContext): CapabilityPlan {
  const sets = context.process.capabilities;
  if (sets === undefined) return { before: [], after: [] };
  const { bounding: ours, permitted } = context.facts.capabilities;
  const at = context.origin('capabilities');
  // The init is executed: with our permitted set, but never beyond the bounding one.
  const grantable = ours & permitted;
  const keep = readSet(context, sets, 'bounding', ours);
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
  sets[name]?.forEach((word, index) => {
    const bit = capabilityBit(word, context.facts.capabilities.last);
    if ((bit & available) === 0n) {
      const why = bit === 0n ? 'it is not known here' : 'the runtime does not have it';
      context.warn(context.origin('capabilities', name, index), `${name} set without ${word}: ${why}`);
    }
    mask |= bit & available;
  });
  return mask;
}

/** The kernel raises only what is permitted and inheritable. */
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

/** 0 for a name that this program or the kernel does not know. */
function capabilityBit(name: string, last: number): bigint {
  if (!Object.hasOwn(capabilityNumbers, name)) return 0n;
  const number = capabilityNumbers[name as CapabilityName];
  return number > last ? 0n : 1n << BigInt(number);
}

// SPDX-License-Identifier: Apache-2.0
import type { Seccomp } from '../oci/seccomp.ts';
import type { ObjectShape } from '../oci/shape.ts';
import { checkShape } from './check-shape.ts';
import { seccompShape } from './seccomp-shape.ts';

const subset: ObjectShape = {
  kind: 'object',
  properties: { linux: { kind: 'object', properties: { seccomp: seccompShape }, partial: true } },
  partial: true,
};

/**
 * Reads linux.seccomp from a document that was checked before, in the spelling of the specification: a property name
 * in other case must not disable the filter.
 */
export function readSeccomp(document: unknown): Seccomp | undefined {
  const { value } = checkShape(subset, document, 'config.md');
  return (value as { linux?: { seccomp?: Seccomp } }).linux?.seccomp;
}

// SPDX-License-Identifier: Apache-2.0
import type { Linux } from '../oci/config.ts';
import { checkShape } from './check-shape.ts';
import { memoryPolicy, personality } from './linux-shape.ts';
import type { ObjectShape } from './shape.ts';

const subset: ObjectShape = {
  kind: 'object',
  properties: { linux: { kind: 'object', properties: { memoryPolicy, personality }, partial: true } },
  partial: true,
};

/**
 * Reads the properties of `linux` that apply to every process of the container, from a document that was checked
 * before, in the spelling of the specification.
 */
export function readSharedLinux(document: unknown): Pick<Linux, 'memoryPolicy' | 'personality'> {
  const { value } = checkShape(subset, document, 'config.md');
  return (value as { linux?: Linux }).linux ?? {};
}

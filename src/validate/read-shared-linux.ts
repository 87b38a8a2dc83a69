// SPDX-License-Identifier: Apache-2.0
import type { ObjectShape } from '../oci/shape.ts';
import { type SharedProperties, sharedShapes } from '../plan/facilities.ts';
import { checkShape } from './check-shape.ts';

const subset: ObjectShape = {
  kind: 'object',
  properties: { linux: { kind: 'object', properties: sharedShapes(), partial: true } },
  partial: true,
};

/**
 * Reads the properties of `linux` that apply to every process of the container, from a document that was checked
 * before, in the spelling of the specification.
 */
export function readSharedLinux(document: unknown): SharedProperties {
  const { value } = checkShape(subset, document, 'config.md');
  return (value as { linux?: SharedProperties }).linux ?? {};
}

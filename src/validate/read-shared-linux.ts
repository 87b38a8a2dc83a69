// SPDX-License-Identifier: Apache-2.0
import type { Linux } from '../oci/config.ts';
import { memoryPolicy, personality } from './linux-shape.ts';
import type { ObjectShape } from './shape.ts';
import { walk } from './walk.ts';

const around: ObjectShape = {
  kind: 'object',
  properties: { linux: { kind: 'object', properties: { memoryPolicy, personality }, partial: true } },
  partial: true,
};

/** Of a document that has been checked before, in the spelling of the specification: what every process has. */
export function linuxOf(document: unknown): Pick<Linux, 'memoryPolicy' | 'personality'> {
  const { value } = walk(around, document, 'config.md');
  return (value as { linux?: Linux }).linux ?? {};
}

// SPDX-License-Identifier: Apache-2.0
import type { Seccomp } from '../oci/seccomp.ts';
import { seccomp } from './seccomp-shape.ts';
import type { ObjectShape } from './shape.ts';
import { walk } from './walk.ts';

const around: ObjectShape = {
  kind: 'object',
  properties: { linux: { kind: 'object', properties: { seccomp }, partial: true } },
  partial: true,
};

/**
 * linux.seccomp of a document that has been checked before, in the spelling of the specification: a name in another case
 * must not leave a process without its filter.
 */
export function seccompOf(document: unknown): Seccomp | undefined {
  const { value } = walk(around, document, 'config.md');
  return (value as { linux?: { seccomp?: Seccomp } }).linux?.seccomp;
}

// SPDX-License-Identifier: Apache-2.0
import { facilities } from '../plan/facilities.ts';
import type { StepIn } from '../plan/facility.ts';

export type { ItemPlace } from '../plan/facility.ts';

type Tables = (typeof facilities)[number]['steps'];

/** Every operation with its fields; a union of tables as one. */
type Vocabulary = {
  readonly [Op in Tables extends infer Table ? (Table extends Table ? keyof Table : never) : never]: Extract<
    Tables,
    Readonly<Record<Op, unknown>>
  >[Op];
};

/**
 * The vocabulary of steps: all operations of the executor inside a container. The files of the facilities (src/plan)
 * have their meaning; native/wire/vocabulary.h is generated from this table.
 *
 * A step is an operation and its fields, in the order given there. Decisions that depend on the files in the container
 * (is this target a file or a directory, does this masked path exist) are part of a step's meaning.
 *
 * Paths "in the root" are resolved with openat2(RESOLVE_IN_ROOT) against the container's root, before and after the
 * pivot; no symbolic link leads out of it. A "slot" is a numbered descriptor: slot 0 is the mount of the newest mount
 * step; the slots from 1 contain the descriptors passed at spawn, followed by those in which the plan keeps mounts.
 */
export const vocabulary: Vocabulary = Object.assign({}, ...facilities.map(({ steps }) => steps));

export type Operation = keyof Vocabulary;

/** A step of the container part. */
export type Step = { readonly [Op in Operation]: StepIn<Vocabulary, Op> }[Operation];

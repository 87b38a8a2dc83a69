// SPDX-License-Identifier: Apache-2.0
import { RuntimeError } from '../errors/error.ts';
import type { Binding } from '../host/binding.d.ts';
import { connectKeeper } from './keeper.ts';

/** The purpose of a connection to a keeper. The numbers are those of native/keeper/kept.h. */
export const attachFlags = {
  /** The client reads the output from now on. */
  output: 1,
  /** The client removes the container after its end. If the client ends before, the keeper runs its `atEnd`. */
  removes: 2,
} as const;

/**
 * Connects to the keeper of a container. Everything that the program writes from now on reaches this connection: a
 * caller that starts the container afterwards misses nothing.
 *
 * @returns a descriptor, which the caller closes
 * @throws RuntimeError `keeper.not-running`, `host.syscall`
 */
export function openAttachment(
  binding: Binding,
  directory: string,
  wants: { readonly output: boolean; readonly removes?: boolean },
): number {
  const flags = (wants.output ? attachFlags.output : 0) | (wants.removes === true ? attachFlags.removes : 0);
  const connection = connectKeeper(binding, directory, flags);
  if (connection !== undefined) return connection;
  throw new RuntimeError({
    code: 'keeper.not-running',
    message: 'the container has no keeper: it is not running, or its keeper was killed',
    path: directory,
    hint: 'start the container',
  });
}

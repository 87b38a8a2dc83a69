// SPDX-License-Identifier: Apache-2.0
import { RuntimeError } from '../errors/error.ts';
import type { Binding } from '../host/binding.d.ts';
import { waitExit } from './exit-status.ts';

/** A keeper exits some milliseconds after its container; the limit is generous for a loaded machine. */
const timeoutMs = 5000;

/**
 * Waits until the keeper of a killed container has written its last file. A killed keeper writes nothing. Returns false
 * if the keeper still waits for the end of the container.
 */
export function awaitKeeper(binding: Binding, directory: string): boolean {
  try {
    return waitExit(binding, directory, timeoutMs) !== undefined;
  } catch (error) {
    // `keeper.gone`, or exit.json is damaged.
    if (!(error instanceof RuntimeError)) throw error;
    return true;
  }
}

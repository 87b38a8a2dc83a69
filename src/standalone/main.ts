// SPDX-License-Identifier: Apache-2.0
import { main } from '../cli/main.ts';
import type { Binding } from '../host/binding.d.ts';

/** What native/standalone/main.cc puts there. */
interface HostGlobals {
  readonly tsuboBinding: Binding;
}

/**
 * Runs the command. Called by native/standalone/main.cc once all modules are loaded, perhaps by the build and long ago.
 *
 * @returns the exit status
 */
export function start(): number {
  return main((globalThis as unknown as HostGlobals).tsuboBinding);
}

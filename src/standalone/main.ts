// SPDX-License-Identifier: Apache-2.0
import { main } from '../cli/main.ts';
import type { Binding } from '../host/binding.d.ts';

/** What native/standalone/main.cc puts there before and reads after. */
interface HostGlobals {
  readonly tsuboBinding: Binding;
  tsuboExitStatus: number;
}

/** Runs the command. Called by the bundle once all that the chunks share is in place. */
export function start(): void {
  const host = globalThis as unknown as HostGlobals;
  host.tsuboExitStatus = main(host.tsuboBinding);
}

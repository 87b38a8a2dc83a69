// SPDX-License-Identifier: Apache-2.0
import { modules } from '../cli/commands/index.ts';
import { main } from '../cli/main.ts';
import { parse } from '../cli/parse.ts';
import type { Binding } from '../host/binding.d.ts';
import { warmUp } from './warm-up.ts';

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

/** Called by the build, before it writes the heap down. */
export function warm(): void {
  for (const { name } of modules) parse('tsubo', ['--root', '/', name, '-h'], modules);
  parse('tsubo', ['--root', '/', 'run', '--bundle', '/', 'warm'], modules);
  warmUp();
}

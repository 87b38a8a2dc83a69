// SPDX-License-Identifier: Apache-2.0
import { isGroup } from '../cli/command.ts';
import { modules } from '../cli/commands/index.ts';
import { main } from '../cli/main.ts';
import { parse } from '../cli/parse.ts';
import type { Binding } from '../host/binding.d.ts';
import { warmUp } from './warm-up.ts';

/** Globals that native/standalone/main.cc defines. */
interface HostGlobals {
  readonly tsuboBinding: Binding;
}

/**
 * Runs the command. native/standalone/main.cc calls it after all modules are loaded, which may have happened at build
 * time.
 *
 * @returns the exit status
 */
export function start(): number {
  return main((globalThis as unknown as HostGlobals).tsuboBinding);
}

/** The build calls this before it writes the heap snapshot. */
export function warm(): void {
  const commands = modules.flatMap(entry => (isGroup(entry) ? entry.commands : [entry]));
  for (const { name } of commands) parse('tsubo', ['--root', '/', ...name.split(' '), '--help'], modules);
  parse('tsubo', ['--root', '/', 'run', '--bundle', '/', 'warm'], modules);
  warmUp();
}

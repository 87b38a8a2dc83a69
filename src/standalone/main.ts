// SPDX-License-Identifier: Apache-2.0
import { isGroup } from '../cli/command.ts';
import { modules } from '../cli/commands/index.ts';
import { main } from '../cli/main.ts';
import { parse } from '../cli/parse.ts';
import type { Binding } from '../host/binding.d.ts';
import { type RecordedCommand, rehearse } from './rehearsal.ts';
import { warmUp } from './warm-up.ts';

/** Globals that native/standalone/main.cc defines. */
interface HostGlobals {
  tsuboBinding: Binding;
}

/**
 * Runs the command. native/standalone/main.cc calls it after all modules are loaded, which may have happened at build
 * time.
 *
 * @returns the exit status
 */
export function start(): number {
  return main(host.tsuboBinding);
}

const host = globalThis as unknown as HostGlobals;

/** The build calls this before it writes the heap snapshot. */
export function warm(): void {
  const commands = modules.flatMap(entry => (isGroup(entry) ? entry.commands : [entry]));
  for (const { name } of commands) parse('tsubo', ['--root', '/', ...name.split(' '), '--help'], modules);
  parse('tsubo', ['--root', '/', 'run', '--bundle', '/', 'warm'], modules);
  warmUp();
}

/** The build calls this with rehearsal.json. Returns a line for each command whose calls differ from the recording. */
export function rehearseText(text: string): string {
  const machine = host.tsuboBinding;
  const one = (binding: Binding): number => {
    host.tsuboBinding = binding;
    return start();
  };
  return rehearse(JSON.parse(text) as RecordedCommand[], one, { ...machine })
    .filter(({ missing }) => missing !== undefined)
    .map(({ argv, missing }) => `${argv.join(' ')}: ${missing}\n`)
    .join('');
}

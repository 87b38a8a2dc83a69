// SPDX-License-Identifier: Apache-2.0
import type { Runtime } from '../lifecycle/runtime.ts';

/** Returns the command line of this program with the same `--root`, up to the name of a command. */
export function ownCommand({ binding, root }: Pick<Runtime, 'binding' | 'root'>): string[] {
  return [...binding.ownCommand(), '--root', root];
}

// SPDX-License-Identifier: Apache-2.0
import type { Runtime } from '../lifecycle/runtime.ts';

/** The command line of this program for the same containers, up to the name of a command. */
export function ownCommand({ binding, root }: Pick<Runtime, 'binding' | 'root'>): string[] {
  return [...binding.ownCommand(), '--root', root];
}

// SPDX-License-Identifier: Apache-2.0
import type { Command } from 'commander';
import type { Style } from '../errors/layout.ts';
import type { Runtime } from '../lifecycle/runtime.ts';

/** What a command is given to work with. */
export interface Context {
  readonly runtime: Runtime;
  /** The name we were called by: `tsubo`, or `runc` through a link of that name. */
  readonly program: string;
  /** True when `--root` was given: then it is not ours to have been left out. */
  readonly rootGiven: boolean;
  /** Writes to standard output, as it is. */
  print(text: string): void;
  /** How standard output shows text. */
  style(): Style;
  /** Tells of a failure that does not end the command. */
  report(error: unknown): void;
}

/** One command. Nothing is built before the command is asked for. */
export interface CommandModule {
  readonly name: string;
  /** One line: what it is for. */
  readonly summary: string;
  /** Lines of a shell, for the help. */
  readonly example: readonly string[];
  /** The rest of the line belongs to the command from the first argument on, also what looks like an option. */
  readonly optionsFirst?: boolean;
  /** Options of other programs that users try, without dashes: the hint for each. */
  readonly foreignOptions?: Readonly<Record<string, string>>;
  /** Said before the message of a failure: engines search for `create failed: `. */
  readonly failurePrefix?: string;
  /** Declares arguments and options. */
  define(command: Command): void;
  /** @returns the exit status */
  run(context: Context, args: readonly string[], options: Readonly<Record<string, unknown>>): number;
}

// SPDX-License-Identifier: Apache-2.0
import type { Command } from 'commander';
import type { Style } from '../errors/layout.ts';
import type { Runtime } from '../lifecycle/runtime.ts';

/** The environment of a command. */
export interface Context {
  readonly runtime: Runtime;
  /** The name by which the program was called: `tsubo`, or `runc` through a link with that name. */
  readonly program: string;
  /** True if `--root` was given; then a hint must not suggest that it is missing. */
  readonly rootGiven: boolean;
  /** Writes to standard output unchanged. */
  print(text: string): void;
  /** The text style of standard output. */
  style(): Style;
  /** Reports a failure that does not end the command. */
  report(error: unknown): void;
}

/** One command. Its arguments and options are declared only if the command is used. */
export interface CommandModule {
  readonly name: string;
  /** One line: the purpose of the command. */
  readonly summary: string;
  /** Shell commands for the help. */
  readonly example: readonly string[];
  /** All words from the first argument on belong to the command, even if they look like options. */
  readonly optionsFirst?: boolean;
  /** Options of other programs that users try, without dashes, with a hint for each. */
  readonly foreignOptions?: Readonly<Record<string, string>>;
  /** Short options may be combined, and a value may follow its letter: `-it`, `-p8800:80`. Long names take two dashes. */
  readonly shortOptionsCombine?: boolean;
  /** The exit status of a failure, also of a usage error. Default 1. */
  readonly failureStatus?: number;
  /** The prefix of failure messages: engines search for `create failed: `. */
  readonly failurePrefix?: string;
  /** Declares arguments and options. */
  define(command: Command): void;
  /** @returns the exit status */
  run(context: Context, args: readonly string[], options: Readonly<Record<string, unknown>>): number;
}

/** Commands with a common first word: `container run`, `container ls`. */
export interface CommandGroup {
  readonly name: string;
  /** One line: the purpose of the commands. */
  readonly summary: string;
  /** Shell commands for the help. */
  readonly example: readonly string[];
  /** In the order of the help. Their names contain the first word. */
  readonly commands: readonly CommandModule[];
}

export function isGroup(entry: CommandModule | CommandGroup): entry is CommandGroup {
  return 'commands' in entry;
}

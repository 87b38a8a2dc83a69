// SPDX-License-Identifier: Apache-2.0
import { RuntimeError } from '../../errors/error.ts';
import { didYouMean } from '../../errors/spelling.ts';
import type { CommandGroup, CommandModule } from '../command.ts';
import { bashCompletion } from '../completion/bash.ts';
import { fishCompletion } from '../completion/fish.ts';
import { type ProgramWords, programWords } from '../completion/words.ts';
import { zshCompletion } from '../completion/zsh.ts';

const shells: ReadonlyMap<string, (program: ProgramWords) => string> = new Map([
  ['bash', bashCompletion],
  ['zsh', zshCompletion],
  ['fish', fishCompletion],
]);

/**
 * @param entries - returns the table of commands, which contains this command
 */
export function completionOf(entries: () => readonly (CommandModule | CommandGroup)[]): CommandModule {
  return {
    name: 'completion',
    summary: 'print a script with which a shell completes command lines of tsubo',
    example: [
      '# In this shell; append the line to ~/.bashrc for every shell.',
      'source <(tsubo completion bash)',
      'tsubo completion fish > ~/.config/fish/completions/tsubo.fish',
    ],
    define(command) {
      command.argument('<bash|zsh|fish>', 'the shell');
    },
    run({ print }, [shell = '']) {
      const script = shells.get(shell);
      if (script === undefined) {
        throw new RuntimeError({
          code: 'usage.bad-value',
          message: `no completion for the shell ${JSON.stringify(shell)}`,
          value: shell,
          hint: didYouMean(shell, [...shells.keys()]) ?? `use ${[...shells.keys()].join(', ')}`,
        });
      }
      print(script(programWords(entries())));
      return 0;
    },
  };
}

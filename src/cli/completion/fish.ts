// SPDX-License-Identifier: Apache-2.0

import {
  commandWordsAfter,
  isListed,
  listCommand,
  type OptionWords,
  type ProgramWords,
  signals,
  type ValueKind,
} from './words.ts';

/** Returns the completion for fish 3. */
export function fishCompletion(program: ProgramWords): string {
  const groups = program.groups.map(({ name }) => name);
  const withValue = program.globals
    .filter(({ value }) => value !== undefined)
    .flatMap(option => option.names);
  const lines = [
    ...commandWordsAfter(program).map(word => candidate("''", word.name, word.summary)),
    ...groups.flatMap(group =>
      commandWordsAfter(program, group).map(word => candidate(quoted(group), word.name, word.summary)),
    ),
    ...program.commands.flatMap(({ name, options, arguments: operands }) => [
      ...options.map(one => option(`__tsubo_command_is ${quoted(name)}`, one)),
      ...operands.map(({ value, variadic }, index) =>
        [
          'complete -c tsubo',
          `-n "__tsubo_command_is ${quoted(name)} ${index + 1}${variadic ? ' +' : ''}"`,
          ...values(value),
        ].join(' '),
      ),
    ]),
    ...program.globals.map(one => option('true', one)),
  ];
  return `# fish completion of tsubo. Install it: tsubo completion fish > ~/.config/fish/completions/tsubo.fish

# Succeeds if the words before the cursor name the command $argv[1], and if the cursor is at its argument number
# $argv[2], or after it if $argv[3] is +.
function __tsubo_command_is
    set -l words (commandline -opc)
    set -l command
    set -l count 1
    set -l skip 0
    for word in $words[2..-1]
        if test $skip = 1
            set skip 0
        else if string match -q -- '-*' $word
            if test -z "$command"; and contains -- $word ${withValue.join(' ')}
                set skip 1
            end
        else if test -z "$command"
            set command $word
        else if contains -- "$command" ${groups.join(' ')}
            set command "$command $word"
        else
            set count (math $count + 1)
        end
    end
    test "$command" = "$argv[1]"; or return 1
    test (count $argv) -lt 2; and return 0
    test "$argv[2]" = $count; and return 0
    test "$argv[3]" = +; and test $count -gt "$argv[2]"
end

complete -c tsubo -f
${lines.join('\n')}
`;
}

function candidate(command: string, word: string, summary: string): string {
  return `complete -c tsubo -n "__tsubo_command_is ${command}" -a ${quoted(word)} -d ${quoted(summary)}`;
}

function option(condition: string, { names, summary, value }: OptionWords): string {
  const spelled = names.map(name => (name.startsWith('--') ? `-l ${name.slice(2)}` : `-s ${name.slice(1)}`));
  return [
    'complete -c tsubo',
    `-n "${condition}"`,
    ...spelled,
    ...(value === undefined ? [] : [value === 'file' ? '-r' : '-x', ...values(value)]),
    `-d ${quoted(summary)}`,
  ].join(' ');
}

function values(kind: ValueKind): string[] {
  if (typeof kind !== 'string') return [`-a ${quoted(kind.join(' '))}`];
  if (isListed(kind)) return [`-a ${quoted(`(${listCommand(kind, 'tsubo')})`)}`];
  switch (kind) {
    case 'file':
      return ['-F'];
    case 'directory':
      return ["-a '(__fish_complete_directories)'"];
    case 'signal':
      return [`-a ${quoted(signals.join(' '))}`];
    case 'text':
      return [];
  }
}

function quoted(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}

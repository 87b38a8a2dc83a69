// SPDX-License-Identifier: Apache-2.0

import {
  type CommandWords,
  commandWordsAfter,
  listCommand,
  listed,
  type OptionWords,
  type ProgramWords,
  signals,
  type ValueKind,
} from './words.ts';

/**
 * Returns the completion for bash 4.4 and later. bash splits `--name=value` at the equals sign, therefore the script
 * skips words that are an equals sign.
 */
export function bashCompletion(program: ProgramWords): string {
  const groups = program.groups.map(({ name }) => name);
  return `# bash completion of tsubo. Use it in this shell: source <(tsubo completion bash)

# The words that may follow the command $1 instead of an argument: options, or commands of a group.
_tsubo_words() {
  case $1 in
${[
  branch([''], [...names(commandWordsAfter(program)), ...optionNames(program.globals)]),
  ...groups.map(group => branch([group], names(commandWordsAfter(program, group)))),
  ...program.commands.map(command =>
    branch([command.name], [...optionNames(command.options), ...optionNames(program.globals)]),
  ),
].join('\n')}
  esac
}

# The kind of the value of option $2 of the command $1; nothing for a switch.
_tsubo_value() {
  case "$1 $2" in
${[
  ...program.commands.flatMap(command =>
    command.options.flatMap(option => valueBranch(command.name, option)),
  ),
  ...program.globals.flatMap(option => valueBranch('*', option)),
].join('\n')}
  esac
}

# The kind of argument number $2 of the command $1.
_tsubo_argument() {
  case "$1 $2" in
${program.commands.flatMap(argumentBranches).join('\n')}
  esac
}

_tsubo() {
  local current=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD - 1]}
  local command='' count=0 skip='' kind='' word i
  local -a root=() offered=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=\${COMP_WORDS[i]}
    if [[ $word == '=' ]]; then continue; fi
    if [[ $skip ]]; then
      if [[ $skip == --root ]]; then root=(--root "$word"); fi
      skip=''
    elif [[ $word == -* ]]; then
      if [[ $(_tsubo_value "$command" "$word") ]]; then skip=$word; fi
    elif [[ ! $command ]]; then
      command=$word
    elif [[ ' ${groups.join(' ')} ' == *" $command "* ]]; then
      command+=" $word"
    else
      count=$((count + 1))
    fi
  done
  if [[ $current == '=' ]]; then
    current=''
  elif [[ $previous == '=' ]]; then
    previous=\${COMP_WORDS[COMP_CWORD - 2]}
  fi
  if [[ $skip ]]; then
    kind=$(_tsubo_value "$command" "$previous")
  elif [[ $current != -* ]]; then
    kind=$(_tsubo_argument "$command" $((count + 1)))
  fi
  case $kind in
    directory) mapfile -t COMPREPLY < <(compgen -d -- "$current"); compopt -o filenames; return ;;
    file) mapfile -t COMPREPLY < <(compgen -f -- "$current"); compopt -o filenames; return ;;
${listed.map(kind => `    ${kind}) mapfile -t offered < <(${listCommand(kind, called)}) ;;`).join('\n')}
    signal) offered=(${signals.join(' ')}) ;;
    text) ;;
    '') if [[ ! $skip ]]; then read -ra offered < <(_tsubo_words "$command"); fi ;;
    *) read -ra offered <<<"$kind" ;;
  esac
  mapfile -t COMPREPLY < <(compgen -W "\${offered[*]}" -- "$current")
}

complete -F _tsubo tsubo
`;
}

/** The called program, with the root directory that the command line names. */
const called = '"$' + '{COMP_WORDS[0]}" "$' + '{root[@]}"';

function names(entries: readonly { readonly name: string }[]): string[] {
  return entries.map(({ name }) => name);
}

function optionNames(options: readonly OptionWords[]): string[] {
  return options.flatMap(option => option.names.filter(name => name.startsWith('--')));
}

function branch(patterns: readonly string[], words: readonly string[]): string {
  return `    ${patterns.map(quoted).join(' | ')}) echo ${words.join(' ')} ;;`;
}

function valueBranch(command: string, { names: spelled, value }: OptionWords): string[] {
  if (value === undefined) return [];
  const before = command === '*' ? '*' : '';
  const patterns = spelled.map(name => `${before}${quoted(`${command === '*' ? '' : command} ${name}`)}`);
  return [`    ${patterns.join(' | ')}) echo ${kindWord(value)} ;;`];
}

function argumentBranches({ name, arguments: operands }: CommandWords): string[] {
  return operands.map(({ value, variadic }, index) => {
    const pattern = variadic ? `${quoted(`${name} `)}*` : quoted(`${name} ${index + 1}`);
    return `    ${pattern}) echo ${kindWord(value)} ;;`;
  });
}

function kindWord(value: ValueKind): string {
  return typeof value === 'string' ? value : value.join(' ');
}

function quoted(text: string): string {
  return `'${text}'`;
}

// SPDX-License-Identifier: Apache-2.0

import {
  type CommandWords,
  commandWordsAfter,
  isListed,
  listCommand,
  listed,
  type OptionWords,
  type ProgramWords,
  signals,
  type ValueKind,
} from './words.ts';

/** Returns the completion for zsh, for a file `_tsubo` in a directory of `fpath`. */
export function zshCompletion(program: ProgramWords): string {
  const groups = program.groups.map(({ name }) => name);
  const commands = program.commands.filter(({ name }) => !name.includes(' '));
  return `#compdef tsubo
# zsh completion of tsubo. Use it in this shell: source <(tsubo completion zsh)

${listed.map(kind => `_tsubo_${kind}() { compadd -- \${(f)"$(${listCommand(kind, 'tsubo')})"} }`).join('\n')}

_tsubo() {
  local curcontext=$curcontext state line
  local -A opt_args
  local -a entries
  _arguments -C ${options(program.globals)} '1: :->command' '*:: :->arguments' && return
  case $state in
    command)
${describe('command', commandWordsAfter(program), '      ')}
      ;;
    arguments)
      case $words[1] in
${commands.map(command => commandBranch(command, command.name, program, '        ')).join('\n')}
${groups.map(group => groupBranch(group, program)).join('\n')}
      esac
      ;;
  esac
}

if [[ $funcstack[1] == _tsubo ]]; then _tsubo "$@"; else compdef _tsubo tsubo; fi
`;
}

function groupBranch(group: string, program: ProgramWords): string {
  const inner = program.commands.filter(({ name }) => name.startsWith(`${group} `));
  return `        ${group})
          _arguments -C ${options(program.globals)} '1: :->command' '*:: :->arguments' && return
          case $state in
            command)
${describe('command', commandWordsAfter(program, group), '              ')}
              ;;
            arguments)
              case $words[1] in
${inner.map(command => commandBranch(command, command.name.slice(group.length + 1), program, '                ')).join('\n')}
              esac
              ;;
          esac
          ;;`;
}

function describe(
  tag: string,
  words: readonly { readonly name: string; readonly summary: string }[],
  indentation: string,
): string {
  const entries = words.map(({ name, summary }) => quoted(`${name}:${summary.replaceAll(':', '\\:')}`));
  return `${indentation}entries=(${entries.join(' ')})\n${indentation}_describe ${tag} entries`;
}

function commandBranch(
  command: CommandWords,
  word: string,
  program: ProgramWords,
  indentation: string,
): string {
  const operands = command.arguments.map(({ name, value, variadic }, index) =>
    quoted(`${variadic ? '*' : index + 1}:${name}:${action(value)}`),
  );
  const all = [options(command.options), options(program.globals), ...operands].filter(text => text !== '');
  return `${indentation}${word}) _arguments -s ${all.join(' ')} ;;`;
}

function options(list: readonly OptionWords[]): string {
  return list.map(option).join(' ');
}

function option({ names, summary, value }: OptionWords): string {
  const text = `[${summary.replace(/[[\]\\:]/g, '\\$&')}]${value === undefined ? '' : `:value:${action(value)}`}`;
  const spelled = names.map(name => name + (value === undefined ? '' : name.startsWith('--') ? '=' : '+'));
  if (spelled.length === 1) return quoted(`*${spelled[0]}${text}`);
  return `'*'{${spelled.join(',')}}${quoted(text)}`;
}

function action(kind: ValueKind): string {
  if (typeof kind !== 'string') return `(${kind.join(' ')})`;
  if (isListed(kind)) return `_tsubo_${kind}`;
  switch (kind) {
    case 'file':
      return '_files';
    case 'directory':
      return '_files -/';
    case 'signal':
      return `(${signals.join(' ')})`;
    case 'text':
      return ' ';
  }
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

// SPDX-License-Identifier: Apache-2.0
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { modules } from '../../../src/cli/commands/index.ts';
import { bashCompletion } from '../../../src/cli/completion/bash.ts';
import { fishCompletion } from '../../../src/cli/completion/fish.ts';
import { programWords } from '../../../src/cli/completion/words.ts';
import { zshCompletion } from '../../../src/cli/completion/zsh.ts';
import { main } from '../../../src/cli/main.ts';
import { type FakeMachine, machineForEachTest } from '../../helpers/fake-machine.ts';
import { requires } from '../../helpers/requires.ts';

let machine: FakeMachine;
machineForEachTest(made => {
  machine = made;
});

let directory = '';
let environment: NodeJS.ProcessEnv = {};
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'tsubo-completion-'));
  const program = join(directory, 'tsubo');
  const answers = [
    '"list -q") printf "web\\\\nwarm\\\\n" ;;',
    '"--root /other list -q") echo other ;;',
    '"network ls -q") echo default ;;',
    '"volume ls -q") echo site ;;',
    '"container ls -a") echo "CONTAINER ID   NAMES"; echo "87f2dd471a4e   lofty_quern" ;;',
    '"image ls") echo "REPOSITORY   TAG    IMAGE ID"; echo "busybox      1.36   0af17b9de300" ;;',
  ];
  writeFileSync(program, `#!/bin/sh\ncase "$*" in\n${answers.join('\n')}\nesac\n`);
  chmodSync(program, 0o755);
  mkdirSync(join(directory, 'bundles'));
  writeFileSync(join(directory, 'bundles.json'), '');
  environment = { ...process.env, PATH: `${directory}:${process.env['PATH']}` };
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** The words that the shell would offer at the end of the line, sorted. */
function sorted(output: string): string[] {
  return output
    .split('\n')
    .filter(word => word !== '')
    .sort();
}

const words = programWords(modules);

/** Lines with what bash and fish offer at their end, or only a part of it. */
const lines: readonly (readonly [line: string, offered: readonly string[]])[] = [
  ['tsubo ne', ['network']],
  ['tsubo network r', ['reload', 'rm']],
  ['tsubo kill w', ['warm', 'web']],
  ['tsubo kill web K', ['KILL']],
  ['tsubo --debug kill web', ['web']],
  ['tsubo run --network ', ['default']],
  ['tsubo network rm ', ['default']],
  ['tsubo list -f ', ['json', 'table']],
  ['tsubo --log-format ', ['json', 'text']],
  ['tsubo run --pid', ['--pid-file', '--pidfd-socket']],
  ['tsubo network create --is', ['--isolated']],
  ['tsubo completion ', ['bash', 'fish', 'zsh']],
  ['tsubo container stop ', ['lofty_quern']],
  ['tsubo container run --rm b', ['busybox:1.36']],
  ['tsubo image rm ', ['busybox:1.36']],
  ['tsubo volume rm ', ['site']],
  // A container that does not exist yet.
  ['tsubo create w', []],
  ['tsubo delete --force w', ['warm', 'web']],
];

describe('the completion for bash', () => {
  const script = bashCompletion(words);

  function offered(line: string): string[] {
    const split = `${script}
compopt() { :; }
cd "$1" || exit
# bash makes the equals sign a word of its own.
read -ra COMP_WORDS <<<"\${2//=/ = }"
if [[ $2 == *' ' || $2 == *= ]]; then COMP_WORDS+=(''); fi
COMP_CWORD=$((\${#COMP_WORDS[@]} - 1))
if [[ $2 == *= ]]; then unset 'COMP_WORDS[COMP_CWORD]'; COMP_CWORD=$((COMP_CWORD - 1)); fi
_tsubo
printf '%s\\n' "\${COMPREPLY[@]}"`;
    const options = { encoding: 'utf8', env: environment } as const;
    return sorted(execFileSync('bash', ['--norc', '-c', split, 'bash', directory, line], options));
  }

  it.each(lines)('completes %j with %j', (line, expected) => {
    expect(offered(line)).toEqual(expected);
  });

  it.each([
    ['tsubo run --bundle b', ['bundles']],
    ['tsubo run --bundle=b', ['bundles']],
    ['tsubo update --resources b', ['bundles', 'bundles.json']],
    ['tsubo list --format=', ['json', 'table']],
    ['tsubo --root /other delete ', ['other']],
    ['tsubo --root=/other delete ', ['other']],
  ])('completes %j with %j', (line, expected) => {
    expect(offered(line)).toEqual(expected);
  });

  it('offers every command that the help shows', () => {
    const names = modules.map(({ name }) => name);
    expect(offered('tsubo ')).toEqual(expect.arrayContaining([...names, 'help']));
  });
});

describe.skipIf(requires('fish'))('the completion for fish', () => {
  it.each(lines)('completes %j with %j', (line, expected) => {
    const file = join(directory, 'tsubo.fish');
    writeFileSync(file, fishCompletion(words));
    const script = `source ${file}; complete -C '${line}'`;
    const output = execFileSync('fish', ['--no-config', '-c', script], {
      encoding: 'utf8',
      env: environment,
    });
    expect(sorted(output).map(text => text.split('\t')[0])).toEqual(expected);
  });
});

describe.skipIf(requires('zsh'))('the completion for zsh', () => {
  it('is a valid script with every command and option', () => {
    const file = join(directory, '_tsubo');
    const script = zshCompletion(words);
    writeFileSync(file, script);
    expect(execFileSync('zsh', ['-f', '-n', file], { encoding: 'utf8' })).toBe('');
    for (const { name, options } of words.commands) {
      expect(script).toContain(`${name.split(' ').at(-1)}) _arguments`);
      for (const option of options) expect(script).toContain(option.names.at(-1));
    }
  });
});

describe('completion', () => {
  it.each([
    ['bash', bashCompletion, '# bash completion of tsubo'],
    ['fish', fishCompletion, '# fish completion of tsubo'],
    ['zsh', zshCompletion, '#compdef tsubo\n'],
  ] as const)('prints the script for %s', (shell, script, start) => {
    machine.arguments = ['tsubo', 'completion', shell];
    expect(main(machine.binding)).toBe(0);
    expect(machine.stdout).toBe(script(words));
    expect(machine.stdout.startsWith(start)).toBe(true);
  });

  it.each([
    ['fihs', 'did you mean fish?'],
    ['powershell', 'use bash, zsh, fish'],
  ])('refuses the shell %s', (shell, hint) => {
    machine.arguments = ['tsubo', '--log-format', 'json', 'completion', shell];
    expect(main(machine.binding)).toBe(1);
    expect(JSON.parse(machine.stderr)).toMatchObject({ code: 'usage.bad-value', value: shell, hint });
  });
});

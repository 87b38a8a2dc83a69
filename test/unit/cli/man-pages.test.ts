// SPDX-License-Identifier: Apache-2.0
import { spawnSync } from 'node:child_process';
import { expect, it } from 'vitest';
import { isGroup } from '../../../src/cli/command.ts';
import { modules } from '../../../src/cli/commands/index.ts';
import { manPages } from '../../../src/cli/man-pages.ts';
import { requires } from '../../helpers/requires.ts';

const pages = manPages();

it('each command and each group of commands has a manual page', () => {
  const names = modules.flatMap(entry => [
    entry.name,
    ...(isGroup(entry) ? entry.commands.map(command => command.name) : []),
  ]);
  const files = ['tsubo.1', ...names.map(name => `tsubo-${name.replaceAll(' ', '-')}.1`)];
  expect([...pages.keys()].sort()).toEqual(files.sort());
});

it('the page of a command has its summary, arguments, options and examples', () => {
  const text = pages.get('tsubo-kill.1') ?? '';
  expect(text).toMatch(
    /^\.TH TSUBO-KILL 1 "" "tsubo \d+\.\d+\.\d+"\n\.SH NAME\ntsubo\\-kill \\- send a signal/,
  );
  expect(text).toContain('\\fBtsubo kill [options] <container\\-id> [signal]\\fR\n');
  expect(text).toContain('.EX\ntsubo kill web KILL\n.EE\n');
  expect(pages.get('tsubo-create.1')).toMatch(/\.TP\n\\fB\\-\\-bundle dir, \\-b dir\\fR\n/);
});

it('no text of a page is taken for a request of the formatter', () => {
  const requests = new Set(['.TH', '.SH', '.TP', '.PP', '.EX', '.EE']);
  const wrong = [...pages].flatMap(([name, text]) =>
    text
      .split('\n')
      .filter(line => /^[.']/.test(line) && !requests.has(line.split(' ')[0] ?? ''))
      .map(line => `${name}: ${line}`),
  );
  expect(wrong).toEqual([]);
});

it.skipIf(requires('groff'))('the formatter accepts all pages without a warning', () => {
  const { status, stderr, stdout } = spawnSync('groff', ['-man', '-Tutf8', '-ww'], {
    input: [...pages.values()].join(''),
    encoding: 'utf8',
    env: { ...process.env, GROFF_NO_SGR: '1' },
  });
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  // A backslash and a minus sign reach the reader as they are typed.
  expect(stdout).toContain('tsubo check --strict /containers/web && tsubo run --bundle /containers/web web');
  expect(stdout).toContain('jq -r ".problems[], .warnings[] | .code + \\" \\" + .pointer"');
});

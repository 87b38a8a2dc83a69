// SPDX-License-Identifier: Apache-2.0
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';

const top = new URL('../../../', import.meta.url).pathname;

/**
 * The kernel's tables of system calls, and the sources that write a config.json like an engine, call registries or serve a
 * page: the direct mode with its builds and dashboard, CDI, functions of the library and the names of their options.
 */
const excluded =
  /^src\/(seccomp\/syscalls-|cdi|direct|build|cli\/commands\/container|node\/(?:registry|dashboard|library\/(?:define-config|image-options|option-names)))/;

/** The other sources of src/ and native/. */
const sources = ['src', 'native'].flatMap(room =>
  readdirSync(join(top, room), { recursive: true, encoding: 'utf8' })
    .map(name => join(room, name))
    .filter(name => /\.(ts|cc|h)$/.test(name) && !excluded.test(name)),
);

/** The files that contain the name of a property or of one of its steps, also in a comment. */
function filesWith(name: RegExp): string[] {
  return sources.filter(path => name.test(readFileSync(join(top, path), 'utf8')));
}

// Each of them was named in 14 to 16 files before facilities had files of their own.
it.each([
  ['hostname', /\b([a-z]+H|h)ostname/, 5],
  ['personality', /[pP]ersonality/, 6],
  ['netDevices', /[nN]et-?[dD]evice/, 8],
])('a property is named in few files: %s', (_, name, most) => {
  const files = filesWith(name);
  expect(files.some(path => path.startsWith('src/plan/'))).toBe(true);
  expect(files.slice(most)).toEqual([]);
});

it('the diff of README.md contains the files of the property and lines that are in them', () => {
  const readme = readFileSync(join(top, 'src/plan/README.md'), 'utf8');
  const diff = /```diff\n([\s\S]*?)```/.exec(readme)?.[1] ?? '';
  const files = diff.split(/^\+\+\+ /m).slice(1);
  const wrong = files.flatMap(file => {
    const [path = '', ...lines] = file.trimEnd().split('\n');
    const text = readFileSync(join(top, path), 'utf8').split('\n');
    return lines.filter(line => !text.includes(line.slice(1))).map(line => `${path}: ${line}`);
  });
  expect(wrong).toEqual([]);
  const named = files.map(file => file.split('\n')[0]).filter(path => /^(src|native)\//.test(path ?? ''));
  expect(named.sort()).toEqual(filesWith(/[pP]ersonality/).sort());
});

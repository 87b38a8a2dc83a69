// SPDX-License-Identifier: Apache-2.0
import { mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { afterAll, beforeEach, expect, it } from 'vitest';
import { top } from '../../native/build/stage.mjs';
import { compile, nativeArch, toolchain } from '../../native/build/toolchain.mjs';

const directory = join(top, 'build/test/recompile');
const into = relative(top, join(directory, 'objects'));
const write = (name: string, text: string): void => writeFileSync(join(directory, name), text);

beforeEach(() => {
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory, { recursive: true });
  write('with.c', '#include "a header.h"\nint with = VALUE;\n');
  write('without.c', 'int without;\n');
  write('a header.h', '#define VALUE 1\n');
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** Builds, and returns the names of the units that were compiled. */
async function build(...flags: readonly string[]): Promise<string[]> {
  const { cc } = toolchain(nativeArch());
  const objects = ['with', 'without'].map(name => join(top, into, `${name}.o`));
  const inode = (path: string) => statSync(path, { throwIfNoEntry: false })?.ino;
  const before = objects.map(inode);
  const units = ['with', 'without'].map(name => ({
    source: relative(top, join(directory, `${name}.c`)),
    compiler: cc,
    flags,
  }));
  await compile({ units, into });
  return ['with', 'without'].filter((_, index) => inode(objects[index] as string) !== before[index]);
}

it('a changed header recompiles only the units that include it', async () => {
  expect(await build()).toEqual(['with', 'without']);
  expect(await build()).toEqual([]);
  write('a header.h', '#define VALUE 2\n');
  expect(await build()).toEqual(['with']);
  expect(await build()).toEqual([]);
});

it('a changed source and changed flags recompile what they concern', async () => {
  await build();
  write('without.c', 'int without = 3;\n');
  expect(await build()).toEqual(['without']);
  expect(await build('-O2')).toEqual(['with', 'without']);
});

it('a file that is written again with the same content recompiles nothing', async () => {
  await build();
  write('a header.h', '#define VALUE 1\n');
  write('with.c', '#include "a header.h"\nint with = VALUE;\n');
  expect(await build()).toEqual([]);
});

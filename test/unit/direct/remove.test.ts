// SPDX-License-Identifier: Apache-2.0
import { existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { removeDirect } from '../../../src/direct/remove.ts';
import type { DirectStore } from '../../../src/direct/store.ts';
import { errno } from '../../../src/errors/errno.ts';
import type { Binding } from '../../../src/host/binding.d.ts';
import type { Runtime } from '../../../src/lifecycle/runtime.ts';
import { type FakeMachine, machineForEachTest, refused } from '../../helpers/fake-machine.ts';

let runtime: Runtime;
let store: DirectStore;
machineForEachTest((machine: FakeMachine) => {
  const openAttachment: Binding['openAttachment'] = () => {
    throw refused('connect', errno.ENOENT);
  };
  const binding = { ...machine.binding, openAttachment };
  runtime = { ...machine.runtime, binding };
  store = { binding, directory: join(machine.directory, 'data') };
});

it.each(['', '{', 'null'])('removes a container whose container.json contains %j, and its name', text => {
  const id = 'ab'.repeat(32);
  const directory = join(store.directory, 'containers', id);
  mkdirSync(directory, { recursive: true });
  mkdirSync(join(store.directory, 'names'));
  writeFileSync(join(directory, 'container.json'), text);
  symlinkSync(id, join(store.directory, 'names/web'));
  removeDirect(runtime, store, id, { force: true, volumes: false });
  expect(existsSync(directory)).toBe(false);
  expect(readdirSync(join(store.directory, 'names'))).toEqual([]);
});

it('removes a directory in which another command writes meanwhile, and gives up in the end', () => {
  const id = 'cd'.repeat(32);
  const directory = join(store.directory, 'containers', id);
  const { binding } = runtime;
  let full = 0;
  const removeTree: Binding['removeTree'] = path => {
    if (path === directory && full-- > 0) throw refused('rmdir', errno.ENOTEMPTY, path);
    binding.removeTree(path);
  };
  store = { ...store, binding: { ...binding, removeTree } };
  for (const [times, isRemoved] of [
    [2, true],
    [100, false],
  ] as const) {
    full = times;
    mkdirSync(directory, { recursive: true });
    writeFileSync(join(directory, 'container.json'), '');
    const remove = () => removeDirect(runtime, store, id, { force: true, volumes: false });
    if (isRemoved) remove();
    else expect(remove).toThrow(expect.objectContaining({ errnoName: 'ENOTEMPTY' }));
    expect(existsSync(directory)).toBe(!isRemoved);
  }
});

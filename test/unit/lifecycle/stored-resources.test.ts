// SPDX-License-Identifier: Apache-2.0
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { storedResources } from '../../../src/lifecycle/stored-resources.ts';
import { type FakeMachine, machineForEachTest, thrown } from '../../helpers/fake-machine.ts';

let machine: FakeMachine;
let directory: string;
machineForEachTest(made => {
  machine = made;
  directory = join(machine.root, 'web');
  mkdirSync(directory, { recursive: true });
});

const write = (name: string, text: string): void => writeFileSync(join(directory, name), text);
const stored = () => storedResources(machine.runtime, directory);

it('the resources are those of the config until the first update', () => {
  write('config.json', '{"linux":{"resources":{"pids":{"limit":7}}}}');
  expect(stored()).toEqual({ pids: { limit: 7 } });
  write('resources.json', '{"pids":{"limit":9}}');
  expect(stored()).toEqual({ pids: { limit: 9 } });
});

it('a config without resources has none', () => {
  write('config.json', '{}');
  expect(stored()).toEqual({});
});

it.each([
  ['resources.json', '{'],
  ['resources.json', '{"pids":7}'],
  ['config.json', '{'],
])('a damaged %s is named: %s', (name, text) => {
  write(name, text);
  expect(thrown(stored)).toMatchObject({ code: 'state.damaged', path: join(directory, name) });
});

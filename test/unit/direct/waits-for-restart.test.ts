// SPDX-License-Identifier: Apache-2.0
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { DirectContainer } from '../../../src/direct/container.ts';
import { restartCount, waitsForRestart } from '../../../src/direct/restart.ts';
import { type FakeMachine, machineForEachTest } from '../../helpers/fake-machine.ts';

let machine: FakeMachine;
machineForEachTest(made => {
  machine = made;
});

const container = { id: 'c1', restart: 'always' } as DirectContainer;

function storeWith(text: string) {
  const store = { binding: machine.binding, directory: machine.directory } as const;
  mkdirSync(join(store.directory, 'containers/c1'), { recursive: true });
  writeFileSync(join(store.directory, 'containers/c1/restart.json'), text);
  return store;
}

it('a container waits for a restart until the time in restart.json, if its policy requires one', () => {
  const now = Number(machine.binding.now() / 1_000_000n);
  const text = (startedMs: number) => JSON.stringify({ count: 3, delayMs: 800, startedMs });
  const store = storeWith(text(now + 60_000));
  expect(waitsForRestart(store, container)).toBe(true);
  expect(waitsForRestart(store, { id: 'c1' } as DirectContainer)).toBe(false);
  expect(restartCount(store, 'c1')).toBe(3);
  expect(waitsForRestart(storeWith(text(now - 60_000)), container)).toBe(false);
});

it.each(['null', '[]', '{"count":1}', '{"count":"1","delayMs":1,"startedMs":1}', '{'])(
  'a damaged restart.json counts as none: %s',
  text => {
    const store = storeWith(text);
    expect([waitsForRestart(store, container), restartCount(store, 'c1')]).toEqual([false, 0]);
  },
);

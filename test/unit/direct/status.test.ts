// SPDX-License-Identifier: Apache-2.0
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { DirectContainer } from '../../../src/direct/container.ts';
import { removeDirect } from '../../../src/direct/remove.ts';
import { stateOf } from '../../../src/direct/status.ts';
import { stopDirect } from '../../../src/direct/stop.ts';
import type { DirectStore } from '../../../src/direct/store.ts';
import { errno } from '../../../src/errors/errno.ts';
import type { Binding } from '../../../src/host/binding.d.ts';
import { recordVersion } from '../../../src/lifecycle/record.ts';
import type { Runtime } from '../../../src/lifecycle/runtime.ts';
import { claim, writeRecord } from '../../../src/lifecycle/store.ts';
import { type FakeMachine, machineForEachTest, refused, thrown } from '../../helpers/fake-machine.ts';

const id = 'ab'.repeat(32);
const init = 4242;
let runtime: Runtime;
let store: DirectStore;
let directory: string;
let keeper: 'waits' | 'has ended';
let initRuns: boolean;

machineForEachTest((machine: FakeMachine) => {
  keeper = 'has ended';
  initRuns = true;
  const calls: Partial<Binding> = {
    openAttachment: () => {
      if (keeper === 'has ended') throw refused('connect', errno.ENOENT);
      return machine.binding.open('/dev/null', 0, 0);
    },
    awaitContainerEnd: () => ({ how: 'time' }),
    processExists: pid => pid === init && initRuns,
  };
  const binding = { ...machine.binding, ...calls };
  runtime = { ...machine.runtime, binding };
  store = { binding, directory: join(machine.directory, 'data') };
  directory = join(store.directory, 'containers', id);
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, 'log'), '');
});

describe.each(['', '{', 'null', '{"status":"0"}'])('a container whose exit.json contains %j', text => {
  it('is dead, and the problem contains the path of the file', () => {
    writeFileSync(join(directory, 'exit.json'), text);
    expect(stateOf(runtime, store, { id })).toMatchObject({
      status: 'dead',
      problem: { code: 'keeper.no-exit-status', path: join(directory, 'exit.json') },
    });
  });
});

it('a container that has run and has neither keeper nor exit.json is dead', () => {
  expect(stateOf(runtime, store, { id })).toEqual({ status: 'dead', pid: 0, withoutKeeper: false });
});

it('a container that starts is found by the wait after its record was written', () => {
  keeper = 'waits';
  const waits: number[] = [];
  runtime.binding.awaitContainerEnd = (_connection, timeoutMs) => {
    if (waits.push(timeoutMs) === 1) {
      claim(runtime, id).release();
      const times = { created: '2024-01-01T00:00:00Z', sharedPidNamespace: false };
      writeRecord(runtime, { version: recordVersion, id, bundle: '/b', rootfs: '/b/rootfs', ...times });
    }
    return { how: 'time' };
  };
  expect(stateOf(runtime, store, { id }).record).toMatchObject({ id });
  expect(waits[0]).toBe(50);
});

it('a container without a record, whose init lives, is seen at once', () => {
  keeper = 'waits';
  let waits = 0;
  writeFileSync(join(directory, 'pid'), String(init));
  writeFileSync(join(directory, 'keeper'), '77\n');
  const { readTextIfThere } = runtime.binding;
  runtime.binding.readTextIfThere = path =>
    path === `/proc/${init}/stat` ? `${init} (a ) b) S 77 1` : readTextIfThere(path);
  runtime.binding.awaitContainerEnd = () => {
    waits++;
    return { how: 'time' };
  };
  expect(stateOf(runtime, store, { id })).toMatchObject({
    status: 'running',
    problem: { code: 'state.damaged' },
  });
  expect(waits).toBe(1);
});

describe('a container that runs without a record in the runtime', () => {
  const container = { id, name: 'web', stopSignal: 15, stopTimeout: 10 } as DirectContainer;
  const damaged = {
    code: 'state.damaged',
    message: expect.stringMatching(/^container abababababab runs, but its record .* is missing or damaged$/),
    hint: 'end its init with kill -KILL 4242, then remove it: tsubo container rm --force abababababab',
  };

  it('is running, and is neither stopped nor removed', () => {
    keeper = 'waits';
    writeFileSync(join(directory, 'pid'), `${init}`);
    writeFileSync(join(directory, 'container.json'), '{');
    expect(stateOf(runtime, store, { id })).toMatchObject({ status: 'running', problem: damaged });
    expect(thrown(() => stopDirect(runtime, store, container))).toMatchObject(damaged);
    expect(thrown(() => removeDirect(runtime, store, id, { force: true, volumes: false }))).toMatchObject(
      damaged,
    );
    expect(existsSync(join(directory, 'container.json'))).toBe(true);
  });

  it('is removed after its init has ended', () => {
    keeper = 'waits';
    initRuns = false;
    writeFileSync(join(directory, 'pid'), `${init}\n`);
    writeFileSync(join(directory, 'container.json'), '{');
    removeDirect(runtime, store, id, { force: true, volumes: false });
    expect(existsSync(directory)).toBe(false);
  });
});

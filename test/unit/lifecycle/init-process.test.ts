// SPDX-License-Identifier: Apache-2.0
import { expect, it } from 'vitest';
import { collect, endInit, identify, initRuns, withInit } from '../../../src/lifecycle/init-process.ts';
import { type FakeMachine, machineForEachTest, thrown } from '../../helpers/fake-machine.ts';

let machine: FakeMachine;
machineForEachTest(made => {
  machine = made;
});

it('a process is identified by its start time, whatever its name contains', () => {
  const { pid } = machine.addProcess({ startTime: 99 });
  expect(identify(machine.binding, pid)).toEqual({ startTime: 99, alive: true });
  expect(identify(machine.binding, 1)).toBe(undefined);
});

it('a zombie and a process that has reused the pid are not the init', () => {
  const { pid, startTime } = machine.addProcess();
  expect(initRuns(machine.binding, { pid, startTime })).toBe(true);
  expect(initRuns(machine.binding, { pid, startTime: startTime + 1 })).toBe(false);
  machine.addProcess({ pid, startTime, state: 'Z' });
  expect(initRuns(machine.binding, { pid, startTime })).toBe(false);
});

it('the pidfd of an init is closed after its use, and not used for a process with the reused pid', () => {
  const { pid, startTime } = machine.addProcess();
  expect(withInit(machine.binding, { pid, startTime }, pidfd => pidfd > 0)).toBe(true);
  expect(withInit(machine.binding, { pid, startTime: 1 }, () => true)).toBe(undefined);
  expect(withInit(machine.binding, { pid: 1, startTime }, () => true)).toBe(undefined);
  expect(machine.openPidfds).toBe(0);
});

it('an init is killed and reaped, and one that has exited only reaped', () => {
  const one = machine.addProcess();
  endInit(machine.binding, 'web', one);
  expect(one.signals).toEqual([9]);
  expect(machine.processes.has(one.pid)).toBe(false);
  const other = machine.addProcess({ state: 'Z' });
  collect(machine.binding, { pid: other.pid, startTime: 1 });
  expect(machine.processes.has(other.pid)).toBe(true);
  endInit(machine.binding, 'web', other);
  expect(other.signals).toEqual([]);
  expect(machine.processes.has(other.pid)).toBe(false);
});

it('an init that SIGKILL does not end is a failure with its pid', () => {
  const init = machine.addProcess({ stubborn: true });
  expect(thrown(() => endInit(machine.binding, 'web', init))).toMatchObject({
    code: 'state.running',
    message: 'container init still running',
    value: String(init.pid),
  });
  expect(machine.processes.has(init.pid)).toBe(true);
});

// SPDX-License-Identifier: Apache-2.0
import { expect, it } from 'vitest';
import { checkPassedFds, listenFds } from '../../../src/lifecycle/passed-fds.ts';
import { type FakeMachine, machineForEachTest, thrown } from '../../helpers/fake-machine.ts';

let machine: FakeMachine;
machineForEachTest(made => {
  machine = made;
});

it.each([
  ['the runtime itself', '4242', '2', 2],
  ['another process', '4243', '2', 0],
  ['the runtime, with a number that is not decimal', '4242', '0x2', 0],
  ['the runtime, with an absurd number', '4242', '10000000', 0],
])('descriptors of a service manager count if they are for %s', (_, pid, count, expected) => {
  machine.environment.set('LISTEN_PID', pid);
  machine.environment.set('LISTEN_FDS', count);
  expect(listenFds(machine.binding)).toBe(expected);
});

it('descriptors to pass on follow those of the service manager, and all must be open', () => {
  for (const fd of [3, 4, 5]) machine.passedFds.add(fd);
  checkPassedFds(machine.binding, 2, 1);
  expect(thrown(() => checkPassedFds(machine.binding, 2, 2))).toMatchObject({
    code: 'usage.preserve-fds',
    message: 'unable to stat preserved-fd 6 (--preserve-fds 2 passes 5 to 6)',
    value: '6',
  });
  expect(thrown(() => checkPassedFds(machine.binding, 4, 0))).toMatchObject({
    message: 'unable to stat descriptor 6 of LISTEN_FDS (3 to 6)',
  });
  machine.passedFds.delete(5);
  expect(thrown(() => checkPassedFds(machine.binding, 2, 1))).toMatchObject({
    message: 'unable to stat preserved-fd 5 (--preserve-fds 1 passes 5)',
  });
});

// SPDX-License-Identifier: Apache-2.0
import { expect, it } from 'vitest';
import { warnOf } from '../../../src/lifecycle/warnings.ts';
import { type FakeMachine, machineForEachTest } from '../../helpers/fake-machine.ts';

let machine: FakeMachine;
machineForEachTest(made => {
  machine = made;
});

it('a warning is one line with its hint and its place', () => {
  warnOf(machine.runtime, [
    { message: 'ignored', pointer: '/linux/x', hint: 'remove it' },
    { message: 'also ignored', document: 'process.json', pointer: '/env' },
    { message: 'without a place' },
  ]);
  expect(machine.warnings).toEqual([
    'ignored; remove it (/linux/x)',
    'also ignored (process.json /env)',
    'without a place',
  ]);
});

it('a message with several causes is logged once', () => {
  warnOf(machine.runtime, [
    { message: 'twice', pointer: '/a' },
    { message: 'twice', pointer: '/b' },
  ]);
  expect(machine.warnings).toEqual(['twice (/a)']);
});

// SPDX-License-Identifier: Apache-2.0
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, expect, it } from 'vitest';
import { errno } from '../../../src/errors/errno.ts';
import { attachDeviceRules, loadDeviceRules, newDeviceRules } from '../../../src/lifecycle/device-filter.ts';
import { type FakeMachine, machineForEachTest, thrown } from '../../helpers/fake-machine.ts';
import { hostContext } from '../../helpers/host-context.ts';

let machine: FakeMachine;
let path: string;
let closed: number[];
machineForEachTest(made => {
  machine = made;
  path = join(machine.cgroups, 'web');
  mkdirSync(path);
});
beforeEach(() => {
  closed = [];
  const { close } = machine.binding;
  machine.binding.close = fd => {
    closed.push(fd);
    close(fd);
  };
});

const load = {
  op: 'loadDeviceRules',
  when: 'after',
  rules: [],
  origin: '/linux/resources/devices',
} as const;
const attach = { op: 'attachDeviceRules', when: 'ready', origin: load.origin } as const;
const withCgroup = () =>
  hostContext(machine.runtime, { record: { cgroup: { root: machine.cgroups, path, made: [path] } } });

it('the program is attached to the cgroup of the container, and closed at the end', () => {
  const context = withCgroup();
  loadDeviceRules.apply([load], context);
  attachDeviceRules.apply([attach], context);
  expect(machine.calls).toEqual(['loadDeviceProgram', `attachDeviceProgram ${path}`]);
  expect(closed).not.toContain(2_000_000);
  context.end();
  expect(closed).toContain(2_000_000);
});

it('a container without a cgroup has no program', () => {
  const context = hostContext(machine.runtime);
  loadDeviceRules.apply([load], context);
  attachDeviceRules.apply([attach], context);
  expect(machine.calls).toEqual([]);
});

it('a refusal by the kernel is at the rules in config.json', () => {
  machine.trouble.set('loadDeviceProgram', errno.E2BIG);
  expect(thrown(() => loadDeviceRules.apply([load], withCgroup()))).toMatchObject({
    pointer: '/linux/resources/devices',
    errnoName: 'E2BIG',
  });
});

it('rules of an update that equal those in effect are not loaded', () => {
  const rule = { allow: true, type: 'c', major: 1, minor: 3, access: 'rw' } as const;
  const update = (stored: readonly (typeof rule)[], requested: readonly (typeof rule)[]) =>
    newDeviceRules(machine.runtime, { devices: stored }, { devices: requested });
  const other = { ...rule, major: 99 } as unknown as typeof rule;
  expect(update([other], [other, other])).toBe(undefined);
  expect(machine.calls).toEqual([]);
  expect(update([], [other])?.rules).toContainEqual(expect.objectContaining({ major: 99, minor: 3 }));
  expect(machine.calls).toEqual(['loadDeviceProgram']);
});

it('a mistake in the rules of an update is reported before they are loaded', () => {
  const wrong = { allow: true, type: 'x' } as unknown as { allow: boolean };
  expect(thrown(() => newDeviceRules(machine.runtime, {}, { devices: [wrong] }))).toMatchObject({
    code: 'config.resources.device-type',
    pointer: '/devices/0/type',
  });
  expect(machine.calls).toEqual([]);
});

// SPDX-License-Identifier: Apache-2.0
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { cgroupOf, requireCgroup } from '../../../src/lifecycle/own-cgroup.ts';
import { type FakeMachine, machineForEachTest, thrown } from '../../helpers/fake-machine.ts';

let machine: FakeMachine;
machineForEachTest(made => {
  machine = made;
});

it('a container without a cgroup has no directory of its own', () => {
  expect(cgroupOf({ id: 'web', cgroup: { root: '/c', path: '/c/web', made: [] } })).toBe('/c/web');
  expect(thrown(() => cgroupOf({ id: 'web' }))).toMatchObject({
    code: 'state.no-cgroup',
    message: 'container web has no cgroup of its own',
  });
});

it('a removed cgroup is named with the process that was in it', () => {
  const path = join(machine.cgroups, 'web');
  const record = { init: { pid: 77, startTime: 1 } };
  const gone = thrown(() => requireCgroup(machine.binding, record, path, 'unable to pause container web'));
  expect(gone).toMatchObject({
    code: 'state.cgroup-gone',
    message: `unable to pause container web: its cgroup ${path} was removed`,
    hint: '/proc/77/cgroup names the cgroup that its processes were moved to',
  });
  mkdirSync(path);
  requireCgroup(machine.binding, record, path, 'unable to pause container web');
});

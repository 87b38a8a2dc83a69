// SPDX-License-Identifier: Apache-2.0
import { expect, it } from 'vitest';
import { errno } from '../../../src/errors/errno.ts';
import type { HostContext } from '../../../src/lifecycle/host-context.ts';
import { moveNetDevice } from '../../../src/lifecycle/net-devices.ts';
import type { HostStepOf } from '../../../src/plan/plan.ts';
import { type FakeMachine, machineForEachTest, thrown } from '../../helpers/fake-machine.ts';
import { hostContext } from '../../helpers/host-context.ts';

let machine: FakeMachine;
let context: HostContext;
machineForEachTest(made => {
  machine = made;
  context = hostContext(machine.runtime, { pid: machine.addProcess().pid });
});

const step = (name: string, newName = name): HostStepOf<'moveNetDevice'> => ({
  op: 'moveNetDevice',
  when: 'network',
  name,
  newName,
  origin: `/linux/netDevices/${name}`,
});

it('devices move in the order of config.json and stay after a success', () => {
  moveNetDevice.apply([step('veth0', 'eth%d'), step('dummy0')], context);
  context.undo.disarm();
  context.end();
  expect(machine.calls).toEqual(['moveNetDevice veth0 eth%d away', 'moveNetDevice dummy0 dummy0 away']);
  expect(machine.openInProc).toEqual([]);
});

it('devices move back under their former names if the create fails later, the last one first', () => {
  moveNetDevice.apply([step('veth0', 'eth%d'), step('dummy0')], context);
  machine.calls.length = 0;
  expect(context.undo.rollback()).toEqual([]);
  expect(machine.calls).toEqual(['moveNetDevice dummy0 dummy0 back', 'moveNetDevice eth0 veth0 back']);
});

it('a refused device leaves the moved ones to the undo, and itself not', () => {
  let calls = 0;
  const { moveNetDevice: move } = machine.binding;
  machine.binding.moveNetDevice = request => {
    if (++calls === 2) throw Object.assign(new Error('x'), { syscall: 'RTM_NEWLINK', errno: errno.EEXIST });
    return move(request);
  };
  const error = thrown(() => moveNetDevice.apply([step('a'), step('b', 'eth0')], context));
  expect(error).toMatchObject({
    errnoName: 'EEXIST',
    pointer: '/linux/netDevices/b/name',
    value: 'b -> eth0',
  });
  machine.calls.length = 0;
  context.undo.rollback();
  expect(machine.calls).toEqual(['moveNetDevice a a back']);
});

it('a device that does not exist is reported at its key', () => {
  machine.trouble.set('moveNetDevice', errno.ENODEV);
  expect(thrown(() => moveNetDevice.apply([step('nope')], context))).toMatchObject({
    pointer: '/linux/netDevices/nope',
    message: expect.stringContaining('link not found for interface nope'),
    hint: expect.stringContaining('ip link'),
  });
});

it('check finds a missing device, and reports that it did not try the move', () => {
  const skipped: string[] = [];
  const findings = {
    warnings: [],
    addUnchecked: (origin: string, what: string) => void skipped.push(`${origin}: ${what}`),
  };
  machine.procFiles.set('/proc/self/net/dev', 'Inter-|\n face |bytes\n    lo: 0 0\n  eth0: 1 2\n');
  moveNetDevice.inspect?.(step('eth0'), machine.binding, findings);
  expect(thrown(() => moveNetDevice.inspect?.(step('eth1'), machine.binding, findings))).toMatchObject({
    errnoName: 'ENODEV',
    pointer: '/linux/netDevices/eth1',
  });
  expect(skipped).toEqual(
    ['eth0', 'eth1'].map(name => `/linux/netDevices/${name}: whether the network device can be moved`),
  );
});

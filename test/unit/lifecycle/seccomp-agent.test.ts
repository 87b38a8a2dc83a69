// SPDX-License-Identifier: Apache-2.0
import { expect, it } from 'vitest';
import { errno } from '../../../src/errors/errno.ts';
import { sendListener } from '../../../src/lifecycle/seccomp-agent.ts';
import { ociVersion } from '../../../src/oci/version.ts';
import { type FakeMachine, machineForEachTest, thrown } from '../../helpers/fake-machine.ts';
import { hostContext } from '../../helpers/host-context.ts';

let machine: FakeMachine;
let closed: number[];
machineForEachTest(made => {
  machine = made;
  closed = [];
  const { close } = machine.binding;
  machine.binding.close = fd => {
    closed.push(fd);
    close(fd);
  };
});

const listener = 2_000_007;
const send = (metadata?: string) =>
  sendListener.apply(
    [
      {
        op: 'sendListener',
        when: 'seccomp',
        path: '/run/agent',
        origin: '/linux/seccomp/listenerPath',
        ...(metadata !== undefined && { metadata }),
      },
    ],
    hostContext(machine.runtime, { pid: 77, at: ['seccomp', listener] }),
  );

it('the agent gets the listener with the state of the process, and the runtime keeps none', () => {
  send('opaque');
  expect(machine.sent).toHaveLength(1);
  const [{ path, fd, message } = { path: '', fd: 0, message: '' }] = machine.sent;
  expect([path, fd]).toEqual(['/run/agent', listener]);
  expect(JSON.parse(message)).toEqual({
    ociVersion,
    fds: ['seccompFd'],
    pid: 77,
    metadata: 'opaque',
    state: { ociVersion, id: 'web', status: 'creating', pid: 77, bundle: '/bundle' },
  });
  expect(closed).toEqual([listener]);
});

it('metadata that the profile does not have is not a member of the message', () => {
  send();
  expect(JSON.parse(machine.sent[0]?.message ?? '')).not.toHaveProperty('metadata');
});

it('an agent that does not listen fails the create at the path in the profile, and the listener is closed', () => {
  machine.trouble.set('sendDescriptor', errno.ECONNREFUSED);
  expect(thrown(() => send())).toMatchObject({
    errnoName: 'ECONNREFUSED',
    pointer: '/linux/seccomp/listenerPath',
    value: '/run/agent',
  });
  expect(closed).toEqual([listener]);
});

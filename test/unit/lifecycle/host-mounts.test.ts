// SPDX-License-Identifier: Apache-2.0
import { beforeEach, expect, it } from 'vitest';
import { errno } from '../../../src/errors/errno.ts';
import { mountsOn, unmountRoot } from '../../../src/lifecycle/host-mounts.ts';
import { type FakeMachine, machineForEachTest, refused, thrown } from '../../helpers/fake-machine.ts';

let machine: FakeMachine;
machineForEachTest(made => {
  machine = made;
});

/** Mount points, the last one on top. */
let mounts: string[];
beforeEach(() => {
  mounts = ['/', '/srv/a b', '/srv/a b', '/srv/a b/proc', '/srv/a b', '/srv/a bc'];
  machine.binding.readText = () =>
    mounts.map((at, id) => `${id} 1 0:1 / ${at.replaceAll(' ', '\\040')} rw - tmpfs none rw\n`).join('');
  machine.binding.unmount = path => {
    machine.calls.push(`unmount ${path}`);
    mounts.splice(mounts.lastIndexOf(path), 1);
  };
});

it('only mounts on the directory itself count', () => {
  expect(mountsOn(machine.binding, '/srv/a b')).toBe(3);
  expect(mountsOn(machine.binding, '/srv')).toBe(0);
});

it('the removal keeps mounts that existed before the container', () => {
  unmountRoot(machine.binding, '/srv/a b', 1);
  expect(machine.calls).toEqual(['unmount /srv/a b', 'unmount /srv/a b']);
  expect(mountsOn(machine.binding, '/srv/a b')).toBe(1);
  unmountRoot(machine.binding, '/srv/a b', 1);
  expect(machine.calls).toHaveLength(2);
});

it('the removal ends at a mount that another process has removed, and reports any other error', () => {
  const fail = (number: number) => () => {
    throw refused('umount2', number, '/srv/a b');
  };
  machine.binding.unmount = fail(errno.EINVAL);
  unmountRoot(machine.binding, '/srv/a b', 0);
  machine.binding.unmount = fail(errno.EPERM);
  expect(thrown(() => unmountRoot(machine.binding, '/srv/a b', 0))).toMatchObject({
    message: 'unable to unmount /srv/a b: operation not permitted',
    errno: errno.EPERM,
  });
});

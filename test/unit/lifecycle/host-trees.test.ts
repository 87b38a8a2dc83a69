// SPDX-License-Identifier: Apache-2.0
import { expect, it } from 'vitest';
import { errno } from '../../../src/errors/errno.ts';
import { cloneTree, mapTree } from '../../../src/lifecycle/host-trees.ts';
import type { IDMapping } from '../../../src/oci/config.ts';
import type { HostStepOf } from '../../../src/plan/plan.ts';
import type { Step } from '../../../src/wire/steps.ts';
import { type FakeMachine, machineForEachTest, thrown } from '../../helpers/fake-machine.ts';
import { hostContext } from '../../helpers/host-context.ts';

let machine: FakeMachine;
let pid: number;
machineForEachTest(made => {
  machine = made;
  pid = machine.addProcess().pid;
});

const uids: IDMapping[] = [{ containerID: 0, hostID: 100000, size: 10 }];
const idmap = { uids, gids: uids, recursive: true };
const tree = (slot: number, path: string, more: object = {}): HostStepOf<'cloneTree'> => ({
  op: 'cloneTree',
  when: 'hostTrees',
  path,
  recursive: false,
  slot,
  origin: `/mounts/${slot}`,
  ...more,
});
const bind = (slot: number, source: string): Step => ({
  op: 'bind',
  origin: `/mounts/${slot}`,
  source,
  tree: slot,
  inRoot: 0,
  target: '/srv',
  recursive: 0,
  attributesSet: 0,
  attributesClear: 0,
  attributesInsist: 0,
  flags: 0,
});
const waiting = (container: Step[] = [], into = 1, count = 2) =>
  hostContext(machine.runtime, { pid, container, at: ['hostTrees', undefined, { into, count }] });

it('the init gets a clone for each slot that it waits for, and no other', () => {
  const context = waiting([], 2, 2);
  cloneTree.apply([tree(1, '/a'), tree(2, '/b'), tree(3, '/c', { recursive: true }), tree(4, '/d')], context);
  expect(machine.calls).toEqual(['cloneTrees /b /c']);
  expect(context.at.given).toEqual([2_100_000, 2_100_001]);
  expect(machine.openInProc).toEqual([]);
});

it('mounts with the same mappings share one user namespace, which is closed at the end', () => {
  const context = waiting();
  cloneTree.apply([tree(1, '/a', { idmap }), tree(2, '/b', { idmap })], context);
  expect(machine.calls.filter(call => !call.startsWith('writeText'))).toEqual([
    'cloneTrees /a /b',
    'endInUserNamespace',
    'mapMount',
    'mapMount',
  ]);
  expect(machine.openInProc).toHaveLength(1);
  context.end();
  expect(machine.openInProc).toEqual([]);
});

it('a mount without mappings of its own shows the owners of the container', () => {
  const context = waiting();
  cloneTree.apply([tree(1, '/a', { idmap: { recursive: false } })], context);
  expect(machine.openInProc).toEqual([`/proc/${pid}/ns/user`]);
  expect(machine.calls).toEqual(['cloneTrees /a', 'mapMount']);
});

it('a source that cannot be cloned is reported at its mount', () => {
  machine.trouble.set('cloneTrees', () => {
    throw Object.assign(new Error('x'), { syscall: 'open_tree', errno: errno.ENOENT, path: '1' });
  });
  const context = waiting([bind(1, '/a'), bind(2, '/b')]);
  expect(thrown(() => cloneTree.apply([tree(1, '/a'), tree(2, '/b')], context))).toMatchObject({
    code: 'container.mount',
    pointer: '/mounts/2',
    errnoName: 'ENOENT',
    path: '/b',
    message: expect.stringMatching(/^error during container init: error mounting "\/b" to rootfs at "\/srv"/),
  });
  expect(machine.openInProc).toEqual([]);
});

it('a file system that cannot show other owners is reported at its mount', () => {
  machine.trouble.set('mapMount', errno.EINVAL);
  const context = waiting([bind(1, '/a')]);
  expect(thrown(() => cloneTree.apply([tree(1, '/a', { idmap })], context))).toMatchObject({
    pointer: '/mounts/1',
    syscall: 'mount_setattr(MOUNT_ATTR_IDMAP)',
    hint: expect.stringMatching(/id-mapped/),
  });
});

it('a tree that the init has cloned goes back to it with the owners of the mount', () => {
  const context = hostContext(machine.runtime, { pid, at: ['mapTree', 2_300_000, { into: 5, count: 1 }] });
  mapTree.apply([{ op: 'mapTree', when: 'mapTree', idmap, origin: '/at' }], context);
  expect(context.at.given).toEqual([2_300_000]);
  expect(machine.calls.at(-1)).toBe('mapMount');
});

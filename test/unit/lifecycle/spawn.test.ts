// SPDX-License-Identifier: Apache-2.0
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { errno } from '../../../src/errors/errno.ts';
import type { RuntimeError } from '../../../src/errors/error.ts';
import { spawnError, spawnInit } from '../../../src/lifecycle/spawn.ts';
import { namespaceFlags } from '../../../src/oci/namespaces.ts';
import type { HostStepOf } from '../../../src/plan/plan.ts';
import { type FakeMachine, machineForEachTest, refused, thrown } from '../../helpers/fake-machine.ts';
import { hostContext } from '../../helpers/host-context.ts';
import { planFor } from '../../helpers/plan.ts';

let machine: FakeMachine;
let closed: number[];
machineForEachTest(made => {
  machine = made;
});
beforeEach(() => {
  closed = [];
  const { close } = machine.binding;
  machine.binding.close = fd => {
    closed.push(fd);
    close(fd);
  };
});

const namespaceStep = (kind: number): HostStepOf<'openNamespace'> => ({
  op: 'openNamespace',
  when: 'before',
  path: '/ns/x',
  kind,
  slot: 0,
  origin: '/linux/namespaces/0/path',
});

describe('the spawn of an init', () => {
  it('passes the descriptors in the order of their slots', () => {
    const context = hostContext(machine.runtime);
    context.handOver(2, 2_000_002);
    context.handOver(1, 2_000_001);
    spawnInit(context, undefined);
    expect(machine.spawned[0]).toMatchObject({ fds: [2_000_001, 2_000_002], cgroup: -1, pidNamespace: -1 });
    context.handOver(4, 2_000_004);
    expect(thrown(() => spawnInit(context, undefined))).toMatchObject({
      code: 'internal',
      message: 'the plan leaves slot 3 empty',
    });
  });

  it('is in the cgroup, whose descriptor is closed after it', () => {
    const cgroup = join(machine.cgroups, 'web');
    mkdirSync(cgroup);
    const { pid } = spawnInit(hostContext(machine.runtime), cgroup);
    expect(machine.processes.get(pid)?.cgroup).toBe(cgroup);
    expect(closed).toEqual([machine.spawned[0]?.cgroup]);
  });

  it('joins one pid namespace on the thread of the runtime, and others in a helper', () => {
    const spawnIn = (...kinds: readonly number[]) => {
      const context = hostContext(machine.runtime);
      for (const [index, kind] of kinds.entries()) {
        context.cloneIn.push({ step: namespaceStep(kind), fd: 2_000_000 + index });
      }
      spawnInit(context, undefined);
      return machine.spawned.at(-1);
    };
    expect(spawnIn(namespaceFlags.pid)).toMatchObject({ pidNamespace: 2_000_000 });
    expect(machine.spawned[0]).not.toHaveProperty('joins');
    expect(spawnIn(namespaceFlags.uts)).toMatchObject({ pidNamespace: -1, joins: [2_000_000] });
    expect(spawnIn(namespaceFlags.pid, namespaceFlags.user)).toMatchObject({
      pidNamespace: -1,
      joins: [2_000_000, 2_000_001],
    });
  });
});

describe('a refused spawn', () => {
  const plan = planFor();
  const withUser = { ...plan, spawn: { ...plan.spawn, userNamespace: '/linux/namespaces/3' } };
  const explain = (syscall: string, number: number, path?: string, of = plan) =>
    spawnError(refused(syscall, number, path), of, [namespaceStep(namespaceFlags.uts)]) as RuntimeError;

  it('names the namespace that cannot be joined', () => {
    expect(explain('setns', errno.EPERM, '0')).toMatchObject({
      code: 'container.namespace',
      message: 'failed to join the namespace of /linux/namespaces/0/path: setns: operation not permitted',
      pointer: '/linux/namespaces/0/path',
      path: '/ns/x',
    });
  });

  it('names the signal that ended the helper', () => {
    expect(explain('clone3', errno.ECHILD, '9')).toMatchObject({
      code: 'container.ended',
      value: 'killed by SIGKILL',
    });
    expect(explain('clone3', errno.ECHILD, '0').value).toBe('it exited');
  });

  it.each([[errno.ENOSPC], [errno.EINVAL]])(
    'with error %i is about a new user namespace if there is one',
    number => {
      expect(explain('clone3', number, undefined, withUser).pointer).toBe('/linux/namespaces/3');
      expect(explain('clone3', number).pointer).toBe(undefined);
    },
  );

  it('by EACCES is about the cgroup, and by EPERM about the namespaces', () => {
    expect(explain('clone3', errno.EACCES).hint).toMatch(/^the common parent of the cgroups/);
    expect(explain('clone3', errno.EPERM).hint).toBe('new namespaces need CAP_SYS_ADMIN: run as root');
    expect(explain('write', errno.EFBIG).hint).toMatch(/^the file size limit of the runtime/);
  });

  it('leaves another error as it is', () => {
    const other = new Error('x');
    expect(spawnError(other, plan, [])).toBe(other);
  });
});

// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import type { Config } from '../../../src/oci/config.ts';
import type { Namespace } from '../../../src/oci/config-linux.ts';
import { namespaceFlags } from '../../../src/oci/namespaces.ts';
import type { Plan } from '../../../src/plan/plan.ts';
import { operations, planFor, stepsOf } from '../../helpers/plan.ts';

describe('namespaces', () => {
  it('are created with the init, except for those of the types cgroup and time', () => {
    const types = ['pid', 'network', 'ipc', 'uts', 'cgroup', 'mount'] as const;
    const plan = planFor({ linux: { namespaces: types.map(type => ({ type })) } });
    const { pid, network, ipc, uts, mount, cgroup } = namespaceFlags;
    expect(plan.spawn.cloneFlags).toBe(pid | network | ipc | uts | mount);
    expect(stepsOf(plan, 'unshare')).toEqual([
      { op: 'unshare', origin: '/linux/namespaces/4', flags: cgroup },
    ]);
  });

  it('are joined in a fixed order, the mount namespace after the others', () => {
    const plan = planFor({
      linux: {
        namespaces: [
          { type: 'mount', path: '/ns/mnt' },
          { type: 'uts', path: '/ns/uts' },
          { type: 'pid', path: '/ns/pid' },
          { type: 'network', path: '/ns/net' },
        ],
      },
    });
    expect(plan.spawn).toEqual({ cloneFlags: 0, preserveFds: 0, startFifo: 5 });
    expect(plan.host.filter(step => step.op === 'openNamespace')).toMatchObject([
      { path: '/ns/mnt', slot: 1, kind: namespaceFlags.mount, origin: '/linux/namespaces/0/path' },
      { path: '/ns/uts', slot: 2, kind: namespaceFlags.uts },
      { path: '/ns/pid', slot: 3, kind: namespaceFlags.pid },
      { path: '/ns/net', slot: 4, kind: namespaceFlags.network },
    ]);
    expect(stepsOf(plan, 'joinNamespace').map(step => step.slot)).toEqual([4, 2, 1]);
    expect(operations(plan).slice(0, 5)).toEqual([
      'joinNamespace',
      'joinNamespace',
      'joinNamespace',
      'keepPidNamespace',
      'setPropagation',
    ]);
  });

  const pids = (more: Partial<Config> = {}, ...others: Namespace[]) =>
    planFor({
      config: more,
      linux: { namespaces: [{ type: 'mount' }, { type: 'pid', path: '/ns/pid' }, ...others] },
    });
  const slotOf = (plan: Plan) => {
    const found = plan.host.find(step => step.op === 'openNamespace' && step.kind === namespaceFlags.pid);
    return found?.op === 'openNamespace' ? found.slot : undefined;
  };

  it('of type pid are joined after the root is entered, because other processes there may inspect the init', () => {
    const plan = pids();
    const order = ['keepPidNamespace', 'openRoot', 'pivotRoot', 'sync', 'enterPidNamespace', 'makeDirectory'];
    const ops = operations(plan);
    expect(order.map(op => ops.indexOf(op as (typeof ops)[number]))).toEqual(
      order.map(op => ops.indexOf(op as (typeof ops)[number])).toSorted((a, b) => a - b),
    );
    expect(stepsOf(plan, 'keepPidNamespace')[0]?.slot).toBe(slotOf(plan));
    expect(stepsOf(plan, 'sync')[0]?.point).toBe('pidNamespace');
  });

  it.each(['prestart', 'createRuntime', 'createContainer'] as const)(
    'of type pid are joined first if %s hooks receive the pid',
    kind => {
      const plan = pids({ hooks: { [kind]: [{ path: '/hook' }] } });
      expect(operations(plan)).not.toContain('enterPidNamespace');
      expect(slotOf(plan)).toBe(0);
    },
  );

  it('of type pid are joined first in a user namespace, where no process may trace the init', () => {
    const plan = pids({}, { type: 'user', path: '/ns/user' });
    expect(operations(plan)).not.toContain('enterPidNamespace');
    expect(slotOf(plan)).toBe(0);
  });

  it('of type network have their loopback interface enabled if they are new, and only then', () => {
    const mount = { type: 'mount' } as const;
    const fresh = planFor({ linux: { namespaces: [mount, { type: 'network' }] } });
    const joined = planFor({ linux: { namespaces: [mount, { type: 'network', path: '/ns/net' }] } });
    expect(stepsOf(fresh, 'raiseLoopback')).toEqual([{ op: 'raiseLoopback', origin: '/linux/namespaces/1' }]);
    expect(stepsOf(joined, 'raiseLoopback')).toEqual([]);
  });

  it('with an empty path are new', () => {
    const plan = planFor({ linux: { namespaces: [{ type: 'mount', path: '' }] } });
    expect(plan.spawn.cloneFlags).toBe(namespaceFlags.mount);
  });

  it('without a mount namespace: the init enters the root with chroot, and the host keeps its propagation', () => {
    const operations = planFor({ linux: { namespaces: [{ type: 'pid' }] } }).container.map(step => step.op);
    expect(operations).toContain('changeRoot');
    expect(operations).not.toContain('pivotRoot');
    expect(operations).not.toContain('setPropagation');
    // The mount of the root becomes private before the first mount in it.
    expect(operations.indexOf('setMountPropagation')).toBe(operations.indexOf('openRoot') + 1);
  });

  it('of type time are created by the init, with their offsets', () => {
    const plan = planFor({
      linux: {
        namespaces: [{ type: 'mount' }, { type: 'time' }],
        timeOffsets: { monotonic: { secs: -5, nanosecs: 7 } },
      },
    });
    expect(plan.spawn.cloneFlags).toBe(namespaceFlags.mount);
    expect(stepsOf(plan, 'enterTimeNamespace')).toEqual([
      { op: 'enterTimeNamespace', origin: '/linux/namespaces/1', offsets: 'monotonic -5 7\n' },
    ]);
  });
});

// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { namespaceFlags } from '../../../src/oci/namespaces.ts';
import { operations, planFor, stepsOf } from '../../helpers/plan.ts';

describe('namespaces', () => {
  it('are made with the init, except for cgroup', () => {
    const types = ['pid', 'network', 'ipc', 'uts', 'cgroup', 'mount'] as const;
    const plan = planFor({ linux: { namespaces: types.map(type => ({ type })) } });
    const { pid, network, ipc, uts, mount, cgroup } = namespaceFlags;
    expect(plan.spawn.cloneFlags).toBe(pid | network | ipc | uts | mount);
    expect(stepsOf(plan, 'unshare')).toEqual([
      { op: 'unshare', origin: '/linux/namespaces/4', flags: cgroup },
    ]);
  });

  it('are joined in an order of their own, the mount namespace last', () => {
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
    expect(plan.spawn).toEqual({ cloneFlags: 0, preserveFds: 0, startFifo: 4 });
    expect(plan.host.filter(step => step.op === 'openNamespace')).toMatchObject([
      { path: '/ns/mnt', slot: 1, kind: namespaceFlags.mount, origin: '/linux/namespaces/0/path' },
      { path: '/ns/uts', slot: 2, kind: namespaceFlags.uts },
      { path: '/ns/pid', slot: 0, kind: namespaceFlags.pid },
      { path: '/ns/net', slot: 3, kind: namespaceFlags.network },
    ]);
    expect(stepsOf(plan, 'joinNamespace').map(step => step.slot)).toEqual([3, 2, 1]);
    expect(operations(plan).slice(0, 4)).toEqual([
      'joinNamespace',
      'joinNamespace',
      'joinNamespace',
      'setPropagation',
    ]);
  });

  it('have their loopback interface up when the network is new, and only then', () => {
    const mount = { type: 'mount' } as const;
    const fresh = planFor({ linux: { namespaces: [mount, { type: 'network' }] } });
    const joined = planFor({ linux: { namespaces: [mount, { type: 'network', path: '/ns/net' }] } });
    expect(stepsOf(fresh, 'raiseLoopback')).toEqual([{ op: 'raiseLoopback', origin: '/linux/namespaces/1' }]);
    expect(stepsOf(joined, 'raiseLoopback')).toEqual([]);
  });

  it('take an empty path as none', () => {
    const plan = planFor({ linux: { namespaces: [{ type: 'mount', path: '' }] } });
    expect(plan.spawn.cloneFlags).toBe(namespaceFlags.mount);
  });

  it('need no mount namespace among them: then the root is changed, and the host’s mounts are left alone', () => {
    const operations = planFor({ linux: { namespaces: [{ type: 'pid' }] } }).container.map(step => step.op);
    expect(operations).toContain('changeRoot');
    expect(operations).not.toContain('pivotRoot');
    expect(operations).not.toContain('setPropagation');
    // The root's own mount is cut off before the first mount in it.
    expect(operations.indexOf('setMountPropagation')).toBe(operations.indexOf('openRoot') + 1);
  });

  it('are made by the init where the time is concerned, with its offsets', () => {
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

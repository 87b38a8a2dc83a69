// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import type { Config } from '../../../src/oci/config.ts';
import { cgroupOwnerSteps } from '../../../src/plan/cgroup.ts';
import { facts, planFor } from '../../helpers/plan.ts';

function cgroup(cgroupsPath: string | undefined, own: string, mountpoint = '/sys/fs/cgroup') {
  const plan = planFor({
    linux: { namespaces: [{ type: 'mount' }], ...(cgroupsPath !== undefined && { cgroupsPath }) },
    facts: { cgroup: { ...facts.cgroup, own, mountpoint } },
  });
  return plan.host.find(({ op }) => op === 'makeCgroup');
}

describe('the cgroup', () => {
  it.each([
    ['absolute, from the root of the hierarchy', '/pods/web', '/a/b', '/sys/fs/cgroup/pods/web'],
    ['relative, beside the cgroup of the runtime', 'pods/web', '/a/b', '/sys/fs/cgroup/a/pods/web'],
    ['named by the id if no path is requested', undefined, '/a/b', '/sys/fs/cgroup/a/jar'],
    ['named by the id when the path is empty', '', '/a/b', '/sys/fs/cgroup/a/jar'],
    ['at the root if the runtime is in the root', undefined, '/', '/sys/fs/cgroup/jar'],
    ['never outside, absolute', '/../../etc', '/a/b', '/sys/fs/cgroup/etc'],
    ['never outside, relative', '../../../x', '/a/b', '/sys/fs/cgroup/a/x'],
  ])('is %s', (_, requested, own, path) => {
    expect(cgroup(requested, own)).toEqual({
      op: 'makeCgroup',
      when: 'before',
      path,
      origin: requested ? '/linux/cgroupsPath' : '',
    });
  });

  it('is made at the mount point of cgroup2', () => {
    expect(cgroup('/x', '/', '/sys/fs/cgroup/unified')).toMatchObject({ path: '/sys/fs/cgroup/unified/x' });
  });

  it('is omitted with a warning on a machine without cgroup2', () => {
    const plan = planFor({ facts: { cgroup: { layout: 'none', mountpoint: '', own: '/' } } });
    expect(plan.host.map(({ op }) => op)).toEqual([
      'makeState',
      'saveRecord',
      'makeStartFifo',
      'saveExecData',
      'saveInit',
      'resumeInit',
    ]);
    expect(plan.warnings).toHaveLength(1);
  });
});

describe('the owner of the cgroup', () => {
  const cgroups = (...options: string[]) => [
    { destination: '/sys/fs/cgroup', type: 'cgroup', source: 'cgroup', options },
  ];
  const own = [{ type: 'mount' }, { type: 'cgroup' }] as const;
  const user1000 = { user: { uid: 1000, gid: 1000 } };
  const owner = (change: Parameters<typeof planFor>[0]) =>
    planFor(change).host.find(({ op }) => op === 'delegateCgroup');

  it('is the user of the container if that user may write there', () => {
    expect(owner({ process: user1000, mounts: cgroups('rw'), linux: { namespaces: own } })).toEqual({
      op: 'delegateCgroup',
      when: 'before',
      uid: 1000,
      origin: '/mounts/0',
    });
  });

  it.each([
    ['a read-only mount', { process: user1000, mounts: cgroups('ro'), linux: { namespaces: own } }],
    ['no mount', { process: user1000, mounts: [], linux: { namespaces: own } }],
    [
      'no cgroup namespace',
      { process: user1000, mounts: cgroups(), linux: { namespaces: [{ type: 'mount' as const }] } },
    ],
    [
      'a joined cgroup namespace',
      {
        process: user1000,
        mounts: cgroups(),
        linux: {
          namespaces: [{ type: 'mount' as const }, { type: 'cgroup' as const, path: '/proc/1/ns/cgroup' }],
        },
      },
    ],
    ['root', { mounts: cgroups(), linux: { namespaces: own } }],
  ])('stays root with %s', (_, change) => expect(owner(change)).toBeUndefined());

  it('is the user of the host to which root of a new user namespace is mapped', () => {
    const linux = {
      namespaces: [...own, { type: 'user' as const }],
      uidMappings: [{ containerID: 0, hostID: 100000, size: 65536 }],
    };
    const config = { mounts: cgroups(), linux } as unknown as Config;
    expect(cgroupOwnerSteps(config, 'before')).toMatchObject([{ uid: 100000 }]);
    expect(cgroupOwnerSteps({ ...config, process: user1000 } as Config, 'before')).toMatchObject([
      { uid: 101000 },
    ]);
  });
});

describe('the host steps', () => {
  it('open namespaces before anything is created', () => {
    const plan = planFor({
      process: { oomScoreAdj: -500 },
      linux: { namespaces: [{ type: 'mount' }, { type: 'ipc', path: '/proc/1/ns/ipc' }] },
    });
    expect(plan.host.map(step => step.op)).toEqual([
      'openNamespace',
      'makeState',
      'saveRecord',
      'makeCgroup',
      'makeStartFifo',
      'setOomScoreAdj',
      'loadDeviceRules',
      'saveExecData',
      'attachDeviceRules',
      'saveInit',
      'resumeInit',
    ]);
    expect(plan.host[5]).toMatchObject({ when: 'after', value: -500, origin: '/process/oomScoreAdj' });
  });

  it('set oom_score_adj only if the config does, including to zero', () => {
    expect(planFor().host.map(step => step.op)).not.toContain('setOomScoreAdj');
    const zero = planFor({ process: { oomScoreAdj: 0 } }).host;
    expect(zero.find(({ op }) => op === 'setOomScoreAdj')).toMatchObject({ value: 0 });
  });
});

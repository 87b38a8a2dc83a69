// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { type HostStep, inOrder } from '../../../src/plan/plan.ts';
import { syncPointOf, syncPoints } from '../../../src/plan/sync-points.ts';
import { planFor } from '../../helpers/plan.ts';

const device = { hostID: 0, containerID: 0, size: 65536 };

/** A plan with the maximum number of sync points. */
const plan = planFor({
  process: {
    terminal: true,
    rlimits: [{ type: 'RLIMIT_CORE', soft: 0, hard: 0 }],
  },
  config: { hooks: { createRuntime: [{ path: '/h/one' }, { path: '/h/two' }] } },
  mounts: [
    { destination: '/a', type: 'bind', source: '/srv/a', options: ['bind'] },
    { destination: '/b', type: 'bind', source: 'rootfs/b', options: ['bind', 'idmap'] },
  ],
  linux: {
    namespaces: [{ type: 'mount' }, { type: 'network' }, { type: 'pid' }, { type: 'user' }, { type: 'time' }],
    uidMappings: [device],
    gidMappings: [device],
    timeOffsets: { boottime: { secs: 1 } },
    netDevices: { eth0: {} },
    seccomp: {
      defaultAction: 'SCMP_ACT_ALLOW',
      listenerPath: '/run/agent',
      syscalls: [{ names: ['mkdir'], action: 'SCMP_ACT_NOTIFY' }],
    },
  },
});

describe('the sync points', () => {
  it('are in the order in which the init waits at them', () => {
    const order = Object.keys(syncPoints);
    const waited = plan.container.flatMap(step => syncPointOf(step) ?? []);
    expect(waited.length).toBeGreaterThan(7);
    expect(waited.map(point => order.indexOf(point))).toEqual(
      waited.map(point => order.indexOf(point)).sort((one, other) => one - other),
    );
  });

  it('each have a waiting step of the init if the runtime acts at them', () => {
    const waited = new Set<string>(plan.container.flatMap(step => syncPointOf(step) ?? []));
    const needed = new Set(plan.host.map(({ when }) => when).filter(when => when in syncPoints));
    expect([...needed].filter(when => !waited.has(when))).toEqual([]);
  });
});

describe('two facilities at one sync point', () => {
  it('keep all steps in order, the device rules before the hooks', () => {
    const there = plan.host.filter(({ when }) => when === 'runtime');
    expect(there.map(step => (step.op === 'runHook' ? step.hook.path : step.op))).toEqual([
      'attachDeviceRules',
      '/h/one',
      '/h/two',
    ]);
  });

  it('keep their order if others are sorted around them', () => {
    const steps: HostStep[] = [
      { op: 'resumeInit', when: 'ready', origin: '' },
      { op: 'writeTimeOffsets', when: 'timeOffsets', offsets: '', origin: '' },
      { op: 'saveExecData', when: 'after', origin: '' },
      { op: 'joinRdtGroup', when: 'after', origin: '' },
      { op: 'makeState', when: 'before', origin: '' },
    ];
    expect(inOrder(steps).map(({ op }) => op)).toEqual([
      'makeState',
      'saveExecData',
      'joinRdtGroup',
      'writeTimeOffsets',
      'resumeInit',
    ]);
  });
});

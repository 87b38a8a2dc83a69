// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { mergeResources } from '../../../src/cgroup/merge.ts';
import { restoringText } from '../../../src/cgroup/restore.ts';

describe('resources after an update', () => {
  const stored = {
    devices: [{ allow: false }],
    memory: { limit: 4096, swap: 8192, reservation: 1024 },
    cpu: { shares: 512, quota: 50000, period: 100000, cpus: '0', burst: 9, idle: 0 },
    pids: { limit: 20 },
    blockIO: {
      weight: 100,
      throttleReadBpsDevice: [
        { major: 8, minor: 0, rate: 1 },
        { major: 8, minor: 16, rate: 2 },
      ],
    },
    hugepageLimits: [{ pageSize: '2MB', limit: 0 }],
    rdma: { ib0: { hcaHandles: 1 } },
    unified: { 'memory.high': '1' },
  };

  it('keep values without an update, except those that only the control files keep', () => {
    expect(mergeResources(stored, {})).toEqual({
      devices: stored.devices,
      memory: stored.memory,
      cpu: { shares: 512 },
      blockIO: stored.blockIO,
      hugepageLimits: stored.hugepageLimits,
      rdma: stored.rdma,
    });
  });

  it('contain no value that was never set', () => {
    expect(mergeResources({}, {})).toStrictEqual({ memory: {}, cpu: {}, blockIO: {}, rdma: {} });
  });

  it('replace device rules, pids and unified as a whole, but an empty list replaces no rules', () => {
    const requested = {
      devices: [{ allow: true }],
      pids: { limit: 30 },
      unified: { 'memory.low': '2' },
    };
    expect(mergeResources(stored, requested)).toMatchObject(requested);
    expect(mergeResources(stored, requested).unified).toEqual(requested.unified);
    expect(mergeResources(stored, { devices: [] }).devices).toEqual(stored.devices);
  });

  it('keep the network, which version 2 lacks', () => {
    const network = { classID: 5 };
    expect(mergeResources({ network }, {}).network).toEqual(network);
  });

  it('are checked against the current usage only in the update that requests it', () => {
    const first = mergeResources(stored, { memory: { limit: 5000, checkBeforeUpdate: true } });
    expect(first.memory?.checkBeforeUpdate).toBe(true);
    expect(mergeResources(first, { memory: { limit: 6000 } }).memory).toStrictEqual({
      limit: 6000,
      swap: 8192,
      reservation: 1024,
    });
  });

  it.each([
    ['quota keeps the period', { quota: 7000 }, { shares: 512, quota: 7000, period: 100000 }],
    ['period keeps the quota', { period: 7000 }, { shares: 512, quota: 50000, period: 7000 }],
    ['period beside a quota of 0', { period: 7000, quota: 0 }, { shares: 512, quota: 50000, period: 7000 }],
    ['quota and period replace both', { quota: 7, period: 8 }, { shares: 512, quota: 7, period: 8 }],
    ['idle removes the shares', { idle: 1 }, { idle: 1 }],
    ['idle and shares are both kept if both are given', { idle: 1, shares: 3 }, { idle: 1, shares: 3 }],
    [
      'cpus and a burst are those of the update',
      { cpus: '1', burst: 1 },
      { shares: 512, cpus: '1', burst: 1 },
    ],
  ])('cpu: %s', (_, cpu, merged) => expect(mergeResources(stored, { cpu }).cpu).toEqual(merged));

  it.each([
    ['a limit', { limit: 5000 }, { limit: 5000, swap: 8192, reservation: 1024 }],
    ['no limit removes that of swap too', { limit: -1 }, { limit: -1, reservation: 1024 }],
    ['no limit but one for swap', { limit: -1, swap: 9 }, { limit: -1, swap: 9, reservation: 1024 }],
  ])('memory: %s', (_, memory, merged) => expect(mergeResources(stored, { memory }).memory).toEqual(merged));

  it('change devices individually', () => {
    const requested = {
      blockIO: {
        throttleReadBpsDevice: [
          { major: 8, minor: 16, rate: 3 },
          { major: 9, minor: 0, rate: 4 },
        ],
        weightDevice: [{ major: 8, minor: 0, weight: 10 }],
      },
      hugepageLimits: [{ pageSize: '1GB', limit: 1 }],
      rdma: { ib1: { hcaObjects: 2 } },
    };
    const merged = mergeResources(stored, requested);
    expect(merged.blockIO).toEqual({
      weight: 100,
      throttleReadBpsDevice: [
        { major: 8, minor: 0, rate: 1 },
        { major: 8, minor: 16, rate: 3 },
        { major: 9, minor: 0, rate: 4 },
      ],
      weightDevice: [{ major: 8, minor: 0, weight: 10 }],
    });
    expect(merged.hugepageLimits).toHaveLength(2);
    expect(Object.keys(merged.rdma ?? {})).toEqual(['ib0', 'ib1']);
  });
});

describe('restoring a control file', () => {
  const throttled = '8:0 rbps=1 wbps=max riops=max wiops=max\n8:16 rbps=2 wbps=2 riops=max wiops=max\n';
  it.each([
    ['memory.max', '4096', 'max\n', 'max'],
    ['cpu.max', '5000 10000', 'max 100000\n', 'max 100000'],
    ['cpuset.cpus', '0', '\n', '\n'],
    ['io.max', '8:16 rbps=9', throttled, '8:16 rbps=2 wbps=2 riops=max wiops=max'],
    ['io.max', '8:32 rbps=9', throttled, '8:32 rbps=max wbps=max riops=max wiops=max'],
    ['io.weight', '500', 'default 100\n8:0 200\n', '100'],
    ['io.bfq.weight', '8:0 500', 'default 100\n', '8:0 default'],
    ['rdma.max', 'ib0 hca_handle=1', '', 'ib0 hca_handle=max hca_object=max'],
    ['misc.max', 'sev 1', 'sev 5\n', 'sev 5'],
    ['misc.max', 'tea 1', 'sev 5\n', undefined],
  ])('%s for %s', (file, value, present, text) => expect(restoringText(file, value, present)).toBe(text));
});

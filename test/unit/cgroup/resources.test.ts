// SPDX-License-Identifier: Apache-2.0
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { weightOfShares } from '../../../src/cgroup/cpu.ts';
import { ioWeight } from '../../../src/cgroup/io.ts';
import { resourceWrites } from '../../../src/cgroup/resources.ts';
import type { Resources } from '../../../src/oci/resources.ts';
import { diskBinding } from '../../helpers/disk-binding.ts';
import { thrown } from '../../helpers/fake-machine.ts';

let directory: string;
let warnings: string[];
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'tsubo-cgroup-'));
  warnings = [];
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

/** Writes a control file of the cgroup. */
const present = (file: string, text: string): void => writeFileSync(join(directory, file), text);

function writes(resources: Resources) {
  const binding = diskBinding();
  return resourceWrites(resources, {
    origin: '/linux/resources',
    read: file => {
      const path = join(directory, file);
      return binding.stat(path) === undefined ? undefined : binding.readText(path);
    },
    warn: pointer => void warnings.push(pointer),
  });
}

/** `memory.max=4096`, with a `?` if the file may be missing. */
const words = (resources: Resources): string[] =>
  writes(resources).map(({ file, value, optional }) => `${file}${optional ? '?' : ''}=${value}`);

describe('a placeholder value of engines', () => {
  it('causes no write', () => {
    const fromDocker = {
      blockIO: { weight: 0 },
      cpu: { shares: 0, quota: 0, period: 0, cpus: '', mems: '', realtimePeriod: 0, realtimeRuntime: 0 },
      memory: { limit: 0, reservation: 0, swap: 0, kernel: 0, kernelTCP: 0, disableOOMKiller: false },
    };
    expect(writes(fromDocker)).toEqual([]);
    expect(writes({ memory: { swappiness: 18446744073709551615n } })).toEqual([]);
    expect(writes({ devices: [{ allow: false, access: 'rwm' }] })).toEqual([]);
    expect(warnings).toEqual([]);
  });
});

describe('pids', () => {
  it.each([
    [20, 'pids.max=20'],
    [0, 'pids.max=1'],
    [-1, 'pids.max?=max'],
    [-7, 'pids.max?=max'],
    [9223372036854775807n, 'pids.max=9223372036854775807'],
  ])('of %s', (limit, expected) => expect(words({ pids: { limit } })).toEqual([expected]));

  it('without a limit cause no write', () => expect(words({ pids: {} })).toEqual([]));

  it('have the pointer of their property', () => {
    expect(writes({ pids: { limit: 3 } })).toEqual([
      { file: 'pids.max', value: '3', origin: '/linux/resources/pids/limit', controller: 'pids' },
    ]);
  });
});

describe('memory', () => {
  it.each([
    ['a limit alone', { limit: 4096 }, ['memory.max=4096']],
    ['swap beside it', { limit: 4096, swap: 12288 }, ['memory.swap.max=8192', 'memory.max=4096']],
    ['no swap', { limit: 4096, swap: 4096 }, ['memory.swap.max?=0', 'memory.max=4096']],
    ['any swap', { limit: 4096, swap: -1 }, ['memory.swap.max?=max', 'memory.max=4096']],
    ['no limit at all', { limit: -1 }, ['memory.swap.max?=max', 'memory.max?=max']],
    ['a limit for swap only', { limit: -1, swap: 8192 }, ['memory.swap.max=8192', 'memory.max?=max']],
    ['a reservation', { reservation: 2048 }, ['memory.low=2048']],
    [
      'numbers that a double cannot hold',
      { limit: 9007199254740993n, swap: 9223372036854775807n },
      ['memory.swap.max=9214364837600034814', 'memory.max=9007199254740993'],
    ],
  ])('%s', (_, memory, expected) => expect(words({ memory })).toEqual(expected));

  it.each([
    ['swap without a limit', { swap: 4096 }, 'unable to set swap limit without memory limit'],
    ['swap below the limit', { limit: 8192, swap: 4096 }, 'memory+swap limit should be >= memory limit'],
    ['swap below -1', { limit: 8192, swap: -2 }, 'invalid memory swap value: -2'],
  ])('%s is refused', (_, memory, message) => {
    expect(thrown(() => writes({ memory }))).toMatchObject({
      code: 'config.resources.memory-swap',
      pointer: '/linux/resources/memory/swap',
      message,
    });
  });

  it('reports properties without effect', () => {
    const old = { kernel: 1, kernelTCP: -1, swappiness: 0, disableOOMKiller: true, useHierarchy: true };
    expect(words({ memory: old })).toEqual([]);
    expect(warnings.map(pointer => pointer.split('/').at(-1))).toEqual([
      'kernel',
      'kernelTCP',
      'swappiness',
      'disableOOMKiller',
    ]);
  });
});

describe('cpu', () => {
  it.each([
    [1, 1],
    [2, 1],
    [3, 2],
    [10, 4],
    [100, 17],
    [512, 59],
    [1024, 100],
    [2048, 174],
    [131072, 5478],
    [262143, 10000],
    [262144, 10000],
    [18446744073709551615n, 10000],
  ])('shares of %s weigh %s', (shares, weight) => {
    expect(weightOfShares(shares)).toBe(weight);
  });

  it('never maps more shares to less weight', () => {
    for (let shares = 2; shares < 262144; shares = Math.ceil(shares * 1.01)) {
      expect(weightOfShares(shares)).toBeLessThanOrEqual(weightOfShares(shares + 1));
    }
  });

  it.each([
    ['both', { quota: 50000, period: 200000 }, ['cpu.max=50000 200000']],
    ['a quota', { quota: 50000 }, ['cpu.max=50000 100000']],
    ['a period', { period: 50000 }, ['cpu.max?=max 50000']],
    ['no quota', { quota: -1, period: 100000 }, ['cpu.max?=max 100000']],
    ['an idle cgroup, which has no weight', { idle: 1, shares: 200 }, ['cpu.idle=1']],
    ['a cgroup that is not idle', { idle: 0, shares: 1024 }, ['cpu.idle?=0', 'cpu.weight=100']],
    ['a burst', { quota: 50000, burst: 9 }, ['cpu.max=50000 100000', 'cpu.max.burst=9']],
    ['no burst', { burst: 0 }, ['cpu.max.burst?=0']],
    ['cpus and nodes', { cpus: '0-1,3', mems: '0' }, ['cpuset.cpus=0-1,3', 'cpuset.mems=0']],
  ])('%s', (_, cpu, expected) => expect(words({ cpu })).toEqual(expected));

  it('orders the writes of burst and quota so that burst never exceeds quota', () => {
    present('cpu.max.burst', '50000\n');
    const shrinks = { quota: 20000, burst: 10000 };
    expect(words({ cpu: shrinks })).toEqual(['cpu.max.burst=10000', 'cpu.max=20000 100000']);
    const grows = { quota: 90000, burst: 80000 };
    expect(words({ cpu: grows })).toEqual(['cpu.max=90000 100000', 'cpu.max.burst=80000']);
  });

  it('clears idle when shares are set', () => {
    present('cpu.idle', '1\n');
    expect(words({ cpu: { shares: 1024 } })).toEqual(['cpu.idle=0', 'cpu.weight=100']);
  });

  it('reports properties without effect', () => {
    expect(words({ cpu: { realtimePeriod: 1000, realtimeRuntime: 500, idle: 1, shares: 5 } })).toEqual([
      'cpu.idle=1',
    ]);
    expect(warnings.map(pointer => pointer.split('/').at(-1))).toEqual([
      'realtimeRuntime',
      'realtimePeriod',
      'shares',
    ]);
  });
});

describe('blockIO', () => {
  it.each([
    [10, 1],
    [100, 910],
    [500, 4950],
    [750, 7475],
    [1000, 10000],
  ])('a weight of %s is %s without bfq', (weight, expected) => expect(ioWeight(weight)).toBe(expected));

  it('prefers the control file of bfq', () => {
    expect(
      writes({ blockIO: { weight: 500, weightDevice: [{ major: 8, minor: 16, weight: 100 }] } }),
    ).toEqual([
      {
        file: 'io.bfq.weight',
        value: '500',
        origin: '/linux/resources/blockIO/weight',
        controller: 'io',
        otherwise: { file: 'io.weight', value: '4950' },
      },
      {
        file: 'io.bfq.weight',
        value: '8:16 100',
        origin: '/linux/resources/blockIO/weightDevice/0/weight',
        controller: 'io',
        otherwise: { file: 'io.weight', value: '8:16 910' },
      },
    ]);
  });

  it('limits each device separately', () => {
    const blockIO = {
      throttleReadBpsDevice: [
        { major: 8, minor: 0, rate: 1048576 },
        { major: 8, minor: 16, rate: 0 },
      ],
      throttleWriteBpsDevice: [{ major: 8, minor: 0, rate: 18446744073709551615n }],
      throttleReadIOPSDevice: [{ major: 8, minor: 0, rate: 100 }],
      throttleWriteIOPSDevice: [{ major: 253, minor: 1, rate: 5 }],
    };
    expect(words({ blockIO })).toEqual([
      'io.max=8:0 rbps=1048576',
      'io.max?=8:16 rbps=max',
      'io.max=8:0 wbps=18446744073709551615',
      'io.max=8:0 riops=100',
      'io.max=253:1 wiops=5',
    ]);
    expect(writes({ blockIO })[1]?.origin).toBe('/linux/resources/blockIO/throttleReadBpsDevice/1');
  });

  it('reports properties without effect', () => {
    expect(
      words({ blockIO: { leafWeight: 10, weightDevice: [{ major: 8, minor: 0, leafWeight: 10 }] } }),
    ).toEqual([]);
    expect(warnings).toEqual([
      '/linux/resources/blockIO/leafWeight',
      '/linux/resources/blockIO/weightDevice/0/leafWeight',
    ]);
  });
});

describe('other resources', () => {
  it('limits huge pages in use and reserved', () => {
    expect(words({ hugepageLimits: [{ pageSize: '2MB', limit: 4194304 }] })).toEqual([
      'hugetlb.2MB.max=4194304',
      'hugetlb.2MB.rsvd.max?=4194304',
    ]);
  });

  it('limits rdma by device', () => {
    const rdma = { 'mlx/5~1': { hcaHandles: 3, hcaObjects: 10000 }, ib0: { hcaObjects: 7 }, none: {} };
    expect(words({ rdma })).toEqual([
      'rdma.max=mlx/5~1 hca_handle=3 hca_object=10000',
      'rdma.max=ib0 hca_object=7',
    ]);
    expect(writes({ rdma })[0]?.origin).toBe('/linux/resources/rdma/mlx~15~01');
  });

  it('warns of network properties', () => {
    expect(words({ network: { classID: 4096, priorities: [{ name: 'eth0', priority: 1 }] } })).toEqual([]);
    expect(warnings).toEqual(['/linux/resources/network/classID', '/linux/resources/network/priorities']);
    warnings = [];
    writes({ network: { classID: 0, priorities: [] } });
    expect(warnings).toEqual([]);
  });

  it('omits the weight of unified for an idle cgroup, and otherwise clears idle', () => {
    expect(words({ unified: { 'cpu.weight': '8', 'cpu.idle': '1' } })).toEqual(['cpu.idle=1']);
    expect(warnings).toEqual(['/linux/resources/unified/cpu.weight']);
    expect(words({ unified: { 'cpu.weight': '8', 'cpu.idle': '0' } })).toEqual([
      'cpu.idle=0',
      'cpu.weight=8',
    ]);
    present('cpu.idle', '1\n');
    expect(words({ unified: { 'cpu.weight': '8' } })).toEqual(['cpu.idle=0', 'cpu.weight=8']);
  });

  it('writes unified last, line by line', () => {
    const unified = { 'io.max': '8:0 rbps=1\n8:16 wbps=2\n', 'memory.high': 'max', 'cgroup.max.depth': '3' };
    expect(words({ unified, pids: { limit: 1 }, rdma: { ib0: { hcaObjects: 1 } } })).toEqual([
      'pids.max=1',
      'rdma.max=ib0 hca_object=1',
      'io.max=8:0 rbps=1',
      'io.max=8:16 wbps=2',
      'memory.high=max',
      'cgroup.max.depth=3',
    ]);
    expect(writes({ unified }).map(({ controller }) => controller)).toEqual(['io', 'io', 'memory', 'cgroup']);
    expect(writes({ unified })[2]?.origin).toBe('/linux/resources/unified/memory.high');
  });
});

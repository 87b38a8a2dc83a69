// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { annotatedProperties } from '../../../../src/cgroup/systemd/annotations.ts';
import { parseVariant } from '../../../../src/cgroup/systemd/gvariant.ts';
import { busAddresses } from '../../../../src/cgroup/systemd/manager.ts';
import { unitProperties } from '../../../../src/cgroup/systemd/properties.ts';
import { expandSlice, managerCgroup, unitName } from '../../../../src/cgroup/systemd/unit-name.ts';
import type { CgroupWrite } from '../../../../src/cgroup/write.ts';
import { isRuntimeError } from '../../../../src/errors/error.ts';
import { planFor, stepsOf } from '../../../helpers/plan.ts';

function codeOf(work: () => unknown): string | undefined {
  try {
    work();
  } catch (error) {
    if (isRuntimeError(error)) return `${error.code} ${error.pointer}`;
    throw error;
  }
  return undefined;
}

describe('the name of a unit', () => {
  it('is a scope in a slice', () => {
    expect(unitName('machine.slice:tsubo:web', 'id', 'system')).toEqual({
      slice: 'machine.slice',
      unit: 'tsubo-web.scope',
    });
    expect(unitName('', 'id', 'system')).toEqual({ slice: 'system.slice', unit: 'runc-id.scope' });
    expect(unitName('', 'id', 'user')).toEqual({ slice: 'user.slice', unit: 'runc-id.scope' });
    expect(unitName(':tsubo:web', 'id', 'user').slice).toBe('user.slice');
    expect(unitName('-:tsubo:web', 'id', 'system').slice).toBe('-.slice');
  });

  it('is refused in any other form', () => {
    for (const path of ['/a/path', 'a:b', 'a:b:c:d', 'a:b:']) {
      expect(
        codeOf(() => unitName(path, 'id', 'system')),
        path,
      ).toBe('config.cgroups-path /linux/cgroupsPath');
    }
    expect(codeOf(() => unitName('a.slice::b.slice', 'id', 'system'))).toBe(
      'config.unsupported /linux/cgroupsPath',
    );
  });

  it('of a slice determines its parents', () => {
    expect(expandSlice('system.slice')).toBe('/system.slice');
    expect(expandSlice('a-b-c.slice')).toBe('/a.slice/a-b.slice/a-b-c.slice');
    expect(expandSlice('-.slice')).toBe('');
    for (const slice of ['system', '.slice', '-a.slice', 'a--b.slice', 'a-.slice', 'a/b.slice']) {
      expect(
        codeOf(() => expandSlice(slice)),
        slice,
      ).toBe('config.cgroups-path /linux/cgroupsPath');
    }
  });

  it('is below the cgroup of the user manager', () => {
    expect(managerCgroup('user', 1000)).toBe('/user.slice/user-1000.slice/user@1000.service');
  });
});

describe('the properties of a unit', () => {
  const properties = (version: number, ...writes: (Partial<CgroupWrite> & { file: string })[]) =>
    Object.fromEntries(
      unitProperties(
        writes.map(write => ({ value: '', origin: '', controller: '', ...write })),
        version,
      ).map(({ name, value }) => [name, value]),
    );
  const infinity = (1n << 64n) - 1n;

  it.each([
    ['pids.max', 'TasksMax'],
    ['memory.max', 'MemoryMax'],
    ['memory.low', 'MemoryLow'],
    ['memory.high', 'MemoryHigh'],
    ['memory.min', 'MemoryMin'],
    ['memory.swap.max', 'MemorySwapMax'],
    ['cpu.weight', 'CPUWeight'],
  ])('contain the value of %s', (file, name) => {
    expect(properties(255, { file, value: '512' })).toEqual({ [name]: { signature: 't', value: 512n } });
    expect(properties(255, { file, value: 'max' })).toEqual({ [name]: { signature: 't', value: infinity } });
  });

  it('contain a quota in hundredths of a processor, rounded up', () => {
    const of = (value: string) => properties(255, { file: 'cpu.max', value });
    expect(of('50000 100000')['CPUQuotaPerSecUSec']?.value).toBe(500_000n);
    expect(of('33333 100000')['CPUQuotaPerSecUSec']?.value).toBe(340_000n);
    expect(of('250000 100000')['CPUQuotaPerSecUSec']?.value).toBe(2_500_000n);
    expect(of('max 100000')['CPUQuotaPerSecUSec']?.value).toBe(infinity);
    expect(of('max 50000')['CPUQuotaPeriodUSec']?.value).toBe(50_000n);
  });

  it('contain one bit for each processor and memory node', () => {
    const of = (value: string) => properties(255, { file: 'cpuset.cpus', value })['AllowedCPUs']?.value;
    expect(of('0')).toEqual([1]);
    expect(of('1-2,9')).toEqual([0b110, 0b10]);
    expect(properties(255, { file: 'cpuset.mems', value: '0' })).toHaveProperty('AllowedMemoryNodes');
  });

  it('for devices are lists with the path of each device', () => {
    expect(
      properties(
        255,
        { file: 'io.max', value: '8:0 rbps=1000' },
        { file: 'io.max', value: '8:16 rbps=2000' },
        { file: 'io.max', value: '8:0 wiops=max' },
        { file: 'io.bfq.weight', value: '500', otherwise: { file: 'io.weight', value: '4950' } },
      ),
    ).toEqual({
      IOReadBandwidthMax: {
        signature: 'a(st)',
        value: [
          ['/dev/block/8:0', 1000n],
          ['/dev/block/8:16', 2000n],
        ],
      },
      IOWriteIOPSMax: { signature: 'a(st)', value: [['/dev/block/8:0', infinity]] },
      IOWeight: { signature: 't', value: 4950n },
    });
  });

  it('are omitted if systemd is too old for them, or has none', () => {
    expect(properties(239, { file: 'cpuset.cpus', value: '0' })).toEqual({});
    expect(Object.keys(properties(241, { file: 'cpu.max', value: '1000 2000' }))).toEqual([
      'CPUQuotaPerSecUSec',
    ]);
    expect(properties(251, { file: 'cpu.idle', value: '1' })).toEqual({});
    expect(properties(252, { file: 'cpu.idle', value: '1' })).toEqual({
      CPUWeight: { signature: 't', value: 0n },
    });
    expect(
      properties(255, { file: 'hugetlb.2MB.max', value: '0' }, { file: 'rdma.max', value: 'x' }),
    ).toEqual({});
  });

  it('contain the last value for a repeated file', () => {
    const both = [
      { file: 'pids.max', value: '5' },
      { file: 'pids.max', value: '7' },
    ];
    expect(properties(255, ...both)['TasksMax']?.value).toBe(7n);
  });
});

describe('a value in text form', () => {
  it.each([
    ['true', 'b', true],
    ["'inactive-or-failed'", 's', 'inactive-or-failed'],
    ['"it\\u0027s\\n"', 's', "it's\n"],
    ['5', 'i', 5n],
    ['-5', 'i', -5n],
    ['0x10', 'i', 16n],
    ['uint64 18446744073709551615', 't', 18446744073709551615n],
    ['@t 7', 't', 7n],
    ['1.5', 'd', 1.5],
    ['double 2', 'd', 2],
    ["['a', 'b']", 'as', ['a', 'b']],
    ['@as []', 'as', []],
    ['[uint32 1, 2]', 'au', [1n, 2n]],
    ["('a', uint32 1)", '(su)', ['a', 1n]],
    ['(1,)', '(i)', [1n]],
    ["{'a': <5>}", 'a{sv}', [['a', { signature: 'i', value: 5n }]]],
    ["@a(st) [('/dev/sda', 5)]", 'a(st)', [['/dev/sda', 5n]]],
    ["b'hi'", 'ay', [104, 105, 0]],
    ["objectpath '/a'", 'o', '/a'],
  ] as const)('%s is a %s', (text, signature, value) => {
    expect(parseVariant(text)).toEqual({ signature, value });
  });

  it.each(['', 'word', "'open", '[1, "a"]', '[]', '5 5', 'uint64 "a"', '(1', '@z 1', '{1}', '<1'])(
    'is refused: %j',
    text => {
      expect(() => parseVariant(text)).toThrow(/^expected /);
    },
  );
});

describe('annotations', () => {
  it('become properties of the unit', () => {
    expect(
      annotatedProperties({
        'org.systemd.property.CollectMode': "'inactive-or-failed'",
        'org.systemd.property.TimeoutStopSec': '2',
        'org.systemd.property.RuntimeMaxUSec': 'uint64 7',
        'some.other': 'x',
      }),
    ).toEqual([
      { name: 'CollectMode', value: { signature: 's', value: 'inactive-or-failed' } },
      { name: 'TimeoutStopUSec', value: { signature: 't', value: 2_000_000n } },
      { name: 'RuntimeMaxUSec', value: { signature: 't', value: 7n } },
    ]);
  });

  it.each([
    ['org.systemd.property.Mo', 'true'],
    ['org.systemd.property.a b', 'true'],
    ['org.systemd.property.CollectMode', 'inactive'],
    ['org.systemd.property.TimeoutStopSec', "'soon'"],
  ])('are refused: %s = %s', (key, text) => {
    expect(codeOf(() => annotatedProperties({ [key]: text }))).toBe(
      `config.systemd-property /annotations/${key}`,
    );
  });
});

describe('the plan with systemd', () => {
  const plan = planFor({
    options: { systemdCgroup: true },
    config: { annotations: { 'org.systemd.property.CollectMode': "'inactive-or-failed'" } },
    linux: {
      namespaces: [{ type: 'mount' }, { type: 'cgroup' }],
      cgroupsPath: 'a-b.slice:tsubo:web',
      resources: { pids: { limit: 5 } },
    },
  });

  it('contains a unit instead of a cgroup, and writes the limits after its start', () => {
    expect(plan.host.filter(({ when }) => when === 'cgroup')).toMatchObject([
      {
        op: 'startUnit',
        unit: 'tsubo-web.scope',
        slice: 'a-b.slice',
        path: '/a.slice/a-b.slice/tsubo-web.scope',
      },
      { op: 'writeCgroup', file: 'pids.max', value: '5' },
    ]);
    expect(plan.host.some(({ op }) => op === 'makeCgroup')).toBe(false);
  });

  it('starts the unit before the cgroup namespace is created', () => {
    expect(stepsOf(plan, 'sync', 'unshare').map(({ op }) => op)).toEqual(['sync', 'unshare']);
  });
});

describe('a bus address', () => {
  it('lists Unix sockets', () => {
    expect(busAddresses('tcp:host=x;unix:path=/run/a%20b,guid=1;unix:abstract=/tmp/c;')).toEqual([
      { path: '/run/a b', bus: true },
      { path: '@/tmp/c', bus: true },
    ]);
  });
});

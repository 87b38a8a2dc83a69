// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { optionSource, rdtOf, resourcesOf } from '../../../src/cli/update-options.ts';
import { thrown } from '../../helpers/fake-machine.ts';

describe('the options of update', () => {
  it('form a resources document', () => {
    const options = {
      memory: '64M',
      memorySwap: '-1',
      memoryReservation: '',
      cpuQuota: '-1',
      cpuShare: '200',
      cpuIdle: '1',
      cpusetCpus: '0-3',
      pidsLimit: '-1',
      blkioWeight: '500',
    };
    expect(resourcesOf(options)).toEqual({
      memory: { limit: 67108864n, swap: -1n },
      cpu: { quota: -1n, shares: 200n, idle: 1n, cpus: '0-3' },
      pids: { limit: -1n },
      blockIO: { weight: 500n },
    });
    expect(resourcesOf({})).toEqual({});
  });

  it.each([
    ['0', 0n],
    ['4096', 4096n],
    ['64k', 65536n],
    ['64KB', 65536n],
    ['64KiB', 65536n],
    ['1.5G', 1610612736n],
    ['0.1m', 104857n],
    ['2 t', 2199023255552n],
    ['9007199254740993', 9007199254740993n],
    ['7p', 7881299347898368n],
  ])('size %s', (memory, limit) => expect(resourcesOf({ memory })).toEqual({ memory: { limit } }));

  it.each([
    ['memory', '64X'],
    ['memory', '-2'],
    ['memory', 'many'],
    ['memorySwap', '9999999999999999999'],
    ['cpuPeriod', '-1'],
    ['cpuPeriod', '1e3'],
    ['cpuShare', '18446744073709551616'],
    ['cpuQuota', '9223372036854775808'],
    ['pidsLimit', '1.5'],
  ])('%s cannot be %s', (option, text) => {
    const name = option.replace(/[A-Z]/g, letter => `-${letter.toLowerCase()}`);
    expect(thrown(() => resourcesOf({ [option]: text }))).toMatchObject({
      code: 'usage.bad-value',
      message: `invalid value "${text}" for --${name}`,
    });
  });

  it.each([
    ['/memory/limit', '--memory'],
    // Consequences of --memory have the same origin.
    ['/memory/swap', '--memory'],
    ['/cpu/quota', '--cpu-quota'],
    ['/cpu/burst', '--cpu-quota'],
    ['/pids/limit', undefined],
    ['', undefined],
  ])('that set %s: %s', (pointer, option) => {
    const source = optionSource({ memory: '1M', cpuQuota: '5', cpusetCpus: '0', cpuShare: '' });
    expect(source(pointer)).toEqual({ option });
  });

  it('keep the resctrl schemata separate', () => {
    expect(resourcesOf({ l3CacheSchema: 'L3:0=f' })).toEqual({});
    expect(rdtOf({ l3CacheSchema: 'L3:0=f', memBwSchema: '' })).toEqual({ l3CacheSchema: 'L3:0=f' });
    expect(rdtOf({ memBwSchema: 'MB:0=20' })).toEqual({ memBwSchema: 'MB:0=20' });
    expect(rdtOf({ memory: '1M' })).toBeUndefined();
  });
});

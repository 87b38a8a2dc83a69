// SPDX-License-Identifier: Apache-2.0
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { cgroupStats } from '../../../src/cgroup/stats/stats.ts';
import { goJson } from '../../../src/cli/go-json.ts';
import type { Binding } from '../../../src/host/binding.d.ts';
import { diskBinding } from '../../helpers/disk-binding.ts';

/** Control files of a kernel 6.1. */
const recorded: Readonly<Record<string, string>> = {
  'cgroup.procs': '100\n101\n',
  'cpu.stat':
    'usage_usec 1234567\nuser_usec 1000000\nsystem_usec 234567\ncore_sched.force_idle_usec 0\nnr_periods 20\nnr_throttled 7\nthrottled_usec 350000\nnr_bursts 0\nburst_usec 0\n',
  'cpu.pressure':
    'some avg10=1.25 avg60=0.50 avg300=0.00 total=4200\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0\n',
  'memory.current': '8192000\n',
  'memory.max': '16777216\n',
  'memory.peak': '9000000\n',
  'memory.stat': 'anon 4096\nfile 1048576\nkernel 77824\npgfault 12\n',
  'memory.swap.current': '4096\n',
  'memory.swap.max': '1048576\n',
  'memory.pressure': 'some avg10=0.00 avg60=0.00 avg300=0.00 total=9\n',
  'pids.current': '12\n',
  'pids.max': '100\n',
  'io.stat':
    '8:0 rbytes=4096 wbytes=0 rios=1 wios=0 dbytes=0 dios=0\n254:16 rbytes=0 wbytes=8192 rios=0 wios=2 dbytes=0 dios=0\n(unknown)\n',
  'hugetlb.2MB.rsvd.current': '4194304\n',
  'hugetlb.2MB.current': '2097152\n',
  'hugetlb.2MB.events': 'max 3\n',
  'hugetlb.1GB.current': '0\n',
  'hugetlb.1GB.events': 'max 0\n',
};

let directory: string;

/** On a machine with these huge page sizes. */
function binding(): Binding {
  const disk = diskBinding();
  const pages = '/sys/kernel/mm/hugepages';
  return {
    ...disk,
    stat: path => disk.stat(path === pages ? directory : path),
    readdir: path =>
      path === pages ? ['hugepages-1048576kB', 'hugepages-2048kB', 'hugepages-64kB'] : disk.readdir(path),
  };
}

function write(files: Readonly<Record<string, string>>): void {
  for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, name), text);
}

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'tsubo-stats-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

describe('the usage of a cgroup', () => {
  it('is read from its control files, in the units of version 1', () => {
    write(recorded);
    const stats = cgroupStats(binding(), directory);
    expect(stats.cpu).toEqual({
      usage: { total: 1234567000, kernel: 234567000, user: 1000000000 },
      throttling: { periods: 20, throttledPeriods: 7, throttledTime: 350000000 },
      psi: {
        some: { avg10: 1.25, avg60: 0.5, avg300: 0, total: 4200 },
        full: { avg10: 0, avg60: 0, avg300: 0, total: 0 },
      },
    });
    expect(stats.memory).toEqual({
      cache: 1048576,
      usage: { limit: 16777216, usage: 8192000, max: 9000000, failcnt: 0 },
      swap: { limit: 16777216 + 1048576, usage: 8196096, failcnt: 0 },
      kernel: { limit: 0, failcnt: 0 },
      kernelTCP: { limit: 0, failcnt: 0 },
      raw: { anon: 4096, file: 1048576, kernel: 77824, pgfault: 12 },
      psi: {
        some: { avg10: 0, avg60: 0, avg300: 0, total: 9 },
        full: { avg10: 0, avg60: 0, avg300: 0, total: 0 },
      },
    });
    expect(stats.pids).toEqual({ current: 12, limit: 100 });
    expect(stats.blkio).toEqual({
      ioServiceBytesRecursive: [
        { major: 8, op: 'Read', value: 4096 },
        { major: 8, op: 'Write' },
        { major: 254, minor: 16, op: 'Read' },
        { major: 254, minor: 16, op: 'Write', value: 8192 },
      ],
      ioServicedRecursive: [
        { major: 8, op: 'Read', value: 1 },
        { major: 8, op: 'Write' },
        { major: 254, minor: 16, op: 'Read' },
        { major: 254, minor: 16, op: 'Write', value: 2 },
      ],
    });
    expect(stats.hugetlb).toEqual({ '1GB': { failcnt: 0 }, '2MB': { usage: 4194304, failcnt: 3 } });
  });

  it('has the exact value for unlimited where a file contains max', () => {
    write({ ...recorded, 'memory.max': 'max\n', 'memory.swap.max': '0\n', 'pids.max': 'max\n' });
    const stats = cgroupStats(binding(), directory);
    expect(stats.pids).toEqual({ current: 12 });
    expect(goJson(stats.memory.usage)).toBe(
      '{"limit":18446744073709551615,"usage":8192000,"max":9000000,"failcnt":0}',
    );
    expect(goJson(stats.memory.swap)).toBe('{"limit":18446744073709551615,"usage":8196096,"failcnt":0}');
  });

  it('is zero without controllers, and the processes are counted', () => {
    write({ 'cgroup.procs': '100\n101\n', 'cpu.stat': 'usage_usec 17\nuser_usec 15\nsystem_usec 2\n' });
    mkdirSync(join(directory, 'below'));
    writeFileSync(join(directory, 'below/cgroup.procs'), '102\n');
    expect(goJson(cgroupStats(binding(), directory))).toBe(
      '{"cpu":{"usage":{"total":17000,"kernel":2000,"user":15000},"throttling":{}},' +
        '"cpuset":{"cpu_exclusive":0,"mem_hardwall":0,"mem_exclusive":0,"memory_migrate":0,"memory_spread_page":0,' +
        '"memory_spread_slab":0,"memory_pressure":0,"sched_load_balance":0,"sched_relax_domain_level":0},' +
        '"memory":{"usage":{"limit":0,"failcnt":0},"swap":{"limit":0,"failcnt":0},"kernel":{"limit":0,"failcnt":0},' +
        '"kernelTCP":{"limit":0,"failcnt":0}},"pids":{"current":3},"blkio":{},"hugetlb":{},"intel_rdt":{},' +
        '"network_interfaces":null}',
    );
  });

  it('is undefined for a removed cgroup', () => {
    const stats = cgroupStats(binding(), join(directory, 'gone'));
    expect(stats.pids).toEqual({});
    expect(stats.cpu.usage).toEqual({ kernel: 0, user: 0 });
  });
});

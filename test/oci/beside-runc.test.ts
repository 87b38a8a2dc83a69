// SPDX-License-Identifier: Apache-2.0
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { Bundle } from '../helpers/bundle.ts';
import { controlFiles, differences } from '../helpers/cgroup-files.ts';
import { requires } from '../helpers/requires.ts';
import { disagrees, installedRunc, isTsubo, runtime } from '../helpers/runtime.ts';
import { type Sandbox, sandbox } from '../helpers/sandbox.ts';

const mega = 1048576;
const runc = installedRunc() ?? runtime;

/** Whole disks: io.max refuses partitions. */
const disks = readdirSync('/sys/block').map(name => {
  const text = (file: string): string => {
    const path = `/sys/block/${name}/${file}`;
    return existsSync(path) ? readFileSync(path, 'utf8').trim() : '';
  };
  const [major, minor] = text('dev').split(':').map(Number);
  return { number: { major, minor }, weighted: text('queue/scheduler').includes('[bfq]') };
});
const disk = disks[0]?.number;
/** A disk whose weight can be set. */
const weighted = disks.find(one => one.weighted)?.number;

/** Names of controllers, and configs that use them. */
const configs: readonly [
  what: string,
  controllers: readonly string[],
  resources: Record<string, unknown> | undefined,
][] = [
  ['no resources', [], undefined],
  [
    'some limits of each controller',
    ['memory', 'cpu', 'cpuset', 'pids', 'io', 'hugetlb'],
    {
      memory: { limit: 64 * mega, reservation: 16 * mega, swap: 96 * mega },
      cpu: { shares: 2048, quota: 33000, period: 50000, burst: 1000, cpus: '0', mems: '0' },
      pids: { limit: 42 },
      blockIO: {
        weight: 500,
        throttleReadBpsDevice: [{ ...disk, rate: 1000000 }],
        throttleWriteBpsDevice: [{ ...disk, rate: 2000000 }],
        throttleReadIOPSDevice: [{ ...disk, rate: 300 }],
        throttleWriteIOPSDevice: [{ ...disk, rate: 400 }],
      },
      hugepageLimits: [{ pageSize: '2MB', limit: 4 * mega }],
      unified: { 'memory.high': `${48 * mega}`, 'cgroup.max.depth': '3', 'memory.oom.group': '1' },
    },
  ],
  [
    'no limits, and explicit defaults',
    ['memory', 'cpu', 'pids'],
    {
      memory: { limit: -1, swap: -1 },
      cpu: { shares: 1024, quota: -1, period: 100000 },
      pids: { limit: -1 },
    },
  ],
  [
    'unusual values',
    ['memory', 'cpu', 'pids', 'io'],
    {
      memory: { limit: 32 * mega, swap: 32 * mega },
      cpu: { idle: 1, period: 200000 },
      pids: { limit: 0 },
      blockIO: {
        weight: 10,
        ...(weighted !== undefined && { weightDevice: [{ ...weighted, weight: 1000 }] }),
      },
      unified: { 'memory.min': `${mega}` },
    },
  ],
  ['huge pages', ['hugetlb'], { hugepageLimits: [{ pageSize: '2MB', limit: 4 * mega }] }],
];

/** Applied to two containers one after the other: options of `update`, or a document for it. */
const updates: readonly (readonly string[] | Record<string, unknown>)[] = [
  ['--memory', '64M', '--memory-swap', '96M', '--memory-reservation', '16M'],
  ['--memory', '1.5g', '--memory-swap', '-1'],
  ['--cpu-quota', '30000', '--cpu-period', '60000', '--cpu-share', '512'],
  ['--cpu-period', '50000'],
  ['--cpu-burst', '10000'],
  ['--cpu-quota', '-1'],
  ['--cpu-idle', '1'],
  ['--cpu-idle', '0', '--cpu-share', '4096'],
  ['--cpuset-cpus', '0', '--cpuset-mems', '0'],
  ['--pids-limit', '0'],
  ['--pids-limit', '-1', '--blkio-weight', '300'],
  ['--memory', '-1'],
  {
    memory: { limit: 48 * mega, swap: 64 * mega },
    pids: { limit: 10 },
    blockIO: { throttleReadBpsDevice: [{ ...disk, rate: 4096000 }] },
    unified: { 'memory.high': `${40 * mega}`, 'pids.max': '11' },
  },
  { blockIO: { throttleWriteBpsDevice: [{ ...disk, rate: 1024000 }] }, cpu: { quota: 20000 } },
];

/** Files that runc 1.1 does not write, or writes differently. */
const old = new Set([
  ...['cpu.max.burst', 'cpu.idle', 'cpu.weight', 'cpu.weight.nice'],
  ...['hugetlb.2MB.rsvd.max', 'pids.max'],
]);

describe.skipIf(requires('root', 'busybox', 'cgroup2', 'runc') || !isTsubo)('beside runc', () => {
  const box = sandbox();
  const beside = sandbox('unified', runc);

  /**
   * The same container under both runtimes. The one of runc is created first: runc enables every controller for
   * children.
   */
  const both = (resources: Record<string, unknown> | undefined): [Sandbox, Bundle][] =>
    [beside, box].map(one => [
      one,
      one.created(made => {
        made.config.linux.cgroupsPath = `/${made.id}`;
        if (resources !== undefined) made.config.linux.resources = resources;
      }),
    ]);

  const expectTheSame = (containers: readonly [Sandbox, Bundle][], what: string): void => {
    const [ofRunc = {}, ofTsubo = {}] = containers.map(([one, { id }]) =>
      controlFiles(one.view.path(`/sys/fs/cgroup/${id}`)),
    );
    expect(Object.keys(ofTsubo)).toContain('cgroup.freeze');
    const found = differences(ofRunc, ofTsubo);
    if (disagrees('runc 1.1', 'lacks burst, idle, rsvd and the new weight formula', runc)) {
      for (const file of old) delete found[file];
    }
    if (disagrees('runc 1.3', 'ignores a limit of 0 pids', runc)) {
      if (found['pids.max']?.join() === 'max,1') delete found['pids.max'];
    }
    expect(found, what).toEqual({});
  };

  for (const [what, controllers, resources] of configs) {
    const text = JSON.stringify(resources ?? {});
    const kernel = text.includes('"idle"')
      ? (['kernel:5.15'] as const)
      : text.includes('"burst"')
        ? (['kernel:5.14'] as const)
        : [];
    const needs = [...controllers.map(name => `cgroup2:${name}` as const), ...kernel];
    test.skipIf(requires(...needs))(`every control file has the same content: ${what}`, () => {
      expectTheSame(both(resources), what);
    });
  }

  const needs = ['memory', 'cpu', 'cpuset', 'pids', 'io'].map(name => `cgroup2:${name}` as const);
  test.skipIf(requires(...needs, 'kernel:5.15'))(
    'every control file has the same content after each of several updates',
    () => {
      const containers = both(undefined);
      for (const update of updates) {
        for (const [one, { id }] of containers) {
          if (Array.isArray(update)) one.must(['update', ...(update as readonly string[]), id]);
          else one.must(['update', '--resources', '-', id], { input: JSON.stringify(update) });
        }
        expectTheSame(containers, JSON.stringify(update));
      }
    },
  );
});
